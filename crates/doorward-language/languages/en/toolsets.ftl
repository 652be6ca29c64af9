# Toolsets: the list, the page of one, and the list on the page that explains how to connect clients.
toolsets_title = Toolsets
toolsets_add = Add a toolset
toolsets_explained = A toolset is a selection of tools of several services at a URL of its own. A client that is connected to this URL sees and uses nothing else. Roles and rules apply as everywhere.
toolsets_none = There are no toolsets yet.
toolsets_search = Name or purpose
toolsets_display_name = Display name
toolsets_name_hint = Lower-case letters, digits and -. The name is a part of the URL and never changes.
toolsets_purpose = Purpose
toolsets_purpose_hint = Users read it when they connect a client, and clients give it to their models.
toolsets_selection = Selection
toolsets_selection_hint = One line for each part, with conditions as in rules: <code>upstream=wiki tool=search_*</code>, <code>upstream=tickets class=read</code>, <code>upstream=files kind=resource</code>. Every line names an upstream.
toolsets_roles = Roles that may use it (none: all users)
toolsets_roles_hint = Separated by spaces. A group is written as <code>group:NAME</code>.
toolsets_url = URL for clients
toolsets_url_hint = A token for this URL is accepted at no other one.
toolsets_lines = Lines of the selection
toolsets_line = Line
toolsets_selects = Selects now
toolsets_line_tools =
    { $count ->
        [0] no tool
        [one] { $count } tool
       *[other] { $count } tools
    }
toolsets_line_unknown = prompts or resources
toolsets_tools = Selected tools
toolsets_no_tools = The selection matches no tool at this moment.
toolsets_saved = The toolset was changed.
toolsets_delete_question =
    { $count ->
        [one] Delete this toolset?
       *[other] Delete { $count } toolsets?
    }
toolsets_delete_effect = Clients that are connected to it lose their access at once, also if a toolset of the same name is added later.
toolsets_were_deleted =
    { $count ->
        [one] { $count } toolset was deleted.
       *[other] { $count } toolsets were deleted.
    }
toolsets_connect = A client for one purpose
toolsets_connect_explained = Each of these URLs offers a selection of the tools.
toolsets_connect_here = Steps for this URL
toolsets_connect_all = All tools
