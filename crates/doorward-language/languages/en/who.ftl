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
