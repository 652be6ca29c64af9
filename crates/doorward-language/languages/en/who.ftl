# The users who may use an item, or who have a role.
who_title = Who has access?
who_explained = Choose a kind and name the tool, upstream or role: the list shows the users who may use it, with the deciding rule and roles.
who_none = No user has access.
who_kind = Kind
who_item = Name
who_tool = Tool
who_upstream = Upstream
who_prompt = Prompt
who_resource = Resource
who_template = Resource template
who_answer = Answer
who_reason = Reason
who_roles = Roles that rules name

# The tools that a user may use.
who_tools_title = What may a user do?
who_tools_user = User
who_tools_client = Client
who_tools_upstream = Upstream
who_tools_search = Search tools
who_tools_none = No tool matches.
who_tools_none_yet = None of the tools that were judged so far fits. Search further for the others.
who_tools_explained = Enter the ID or sign-in name of a user: the list shows every tool with the answer for this user and the reason.
who_tools_button = What may { $user } do?
who_tools_about = Every tool of every service, with the answer for { $user } and the reason.
who_tools_built_in = built in
who_tools_first = First page
who_tools_show = Show the tools
