# Layout of the administrators' pages.
console_menu = Menu
console_crumbs = You are here
console_services = Services
console_settings = Settings

# Lists.
console_search = Search
console_remove_filter = Remove the filter { $filter }
console_none = No matches. Change the search or remove a filter.
console_services_none = No service is connected yet. Add an MCP server, a REST API or a folder of documents.
console_clients_none = No client has connected yet. Clients register themselves; others are added here.
console_tokens_none = There is no access token. Users create theirs on their account page.
console_selection = Selection
console_select = Select { $name }
console_selected = Selected rows:
console_range = { $first }–{ $last } of { $total }
console_rows = Rows:
console_csv = CSV
console_parts = Pages of the list
console_previous = Previous
console_next = Next
console_cancel = Cancel
console_more = and { $count } more
console_any_state = Any state
console_any_source = Any source
console_role = Role
console_tokens = Tokens
console_made = Created
console_client_id = client_id
console_users_enabled = enabled
console_clients_unapproved = not approved
console_clients_unused = never used
console_token_active = active
console_search_users = Name or e-mail address
console_search_tokens = Name or user
console_disable_users_effect = Their sessions, tokens and connected apps end at once.
console_block_clients_effect = Their access ends at once, for every user.
console_revoke_tokens_effect = Programs that use them lose access at once.
console_disable_users =
    { $count ->
        [one] Disable { $count } user?
       *[other] Disable { $count } users?
    }
console_users_were_disabled =
    { $count ->
        [one] { $count } user was disabled.
       *[other] { $count } users were disabled.
    }
console_users_were_enabled =
    { $count ->
        [one] { $count } user was enabled.
       *[other] { $count } users were enabled.
    }
console_block_clients =
    { $count ->
        [one] Disable { $count } client?
       *[other] Disable { $count } clients?
    }
console_clients_changed =
    { $count ->
        [one] { $count } client was changed.
       *[other] { $count } clients were changed.
    }
console_revoke_tokens =
    { $count ->
        [one] Revoke { $count } token?
       *[other] Revoke { $count } tokens?
    }
console_tokens_revoked =
    { $count ->
        [one] { $count } token was revoked.
       *[other] { $count } tokens were revoked.
    }

# Columns of lists.
console_url = URL
console_issuer = Issuer
console_subject = Subject

# Services.
console_service_tools = Tools
console_service_no_tools = No tools are known yet. Test the service: a test lists them.
console_service_no_tools_connect = No tools are known yet: this service lists them with a user’s own access. Connect your account, then test the service.
console_service_connect = Connect your account
console_service_access = Access
console_service_connections = Connections
console_service_settings = Settings
console_service_activity = Activity
console_process_log = Log of the process
console_process_log_explained = The newest 200 lines that its processes wrote to their standard error on this server, without the secrets that they were given.
console_process_log_news = Show new lines as they arrive
console_process_log_line = Line
console_service_parts = Sections of the page
console_service_failing = failing
console_service_failed = Last failure
console_service_has_waiting = tools await review
console_service_waiting = { $count } to review
console_service_users = Connected users
console_service_calls = Calls in 24 h
console_service_success = Last success
console_service_source = Source
console_service_decide = Tools that await review
console_service_roles = Users who may use it
console_service_all_users = All users, as far as the policy allows.
console_service_defaults = Settings that are not listed have their default. Secrets are not shown.
console_tool_description = Description
console_search_tools = Name or description
console_search_services = Name
console_tool_warnings =
    { $count ->
        [one] { $count } warning
       *[other] { $count } warnings
    }

# Audit.
console_audit_time = Time
console_audit_same = Entries with the same
console_audit_news = Show new entries as they arrive
console_audit_no_kind = Unknown event: { $kind }.
console_audit_no_outcome = Unknown outcome: { $outcome }.
console_audit_no_user = There is no user { $user }, and no entry of a deleted user with this ID.
console_audit_no_client = There is no client { $client }, and no entry of a deleted one with this client_id.
console_audit_no_address = { $address } is not an IP address.
console_audit_long_text = At most 200 bytes of text are searched for.

# Pasted settings.
console_paste = Paste the settings of an MCP client
console_paste_label = JSON with mcpServers
console_paste_fill = Fill in the form
console_paste_unread = The text is not the JSON of an MCP server with a URL.
console_paste_command = This server is a local process. Add local processes in the configuration file or with the command doorward upstream add.
console_paste_headers = This server uses several headers, but an upstream has only one. Enter it in the form.
console_search_all = Search users, clients, services and tools
console_search_list = All in the list
console_audit_duration = Duration
console_newest = Newest
console_approvals = Approvals
console_service = Service
console_approvals_none = No tool awaits a decision.
console_approvals_changes = Changes and warnings
console_tools_approved =
    { $count ->
        [one] { $count } tool was approved.
       *[other] { $count } tools were approved.
    }
console_tools_rejected =
    { $count ->
        [one] { $count } tool was rejected.
       *[other] { $count } tools were rejected.
    }
console_reset_factors_of = Remove the second factors of { $name }?
console_disable_user = Disable { $name }?
console_delete_user = Delete { $name }?
console_user_ends = Ends at once: sessions: { $sessions }, connected apps: { $apps }, access tokens: { $tokens }.
console_delete_client = Delete { $name }?
console_client_ends = Grants of users to this client that end at once: { $grants }.
console_delete_provider = Delete the identity provider { $name }?
console_provider_ends = Linked users who can no longer sign in with it: { $users }.
console_delete_trust = Delete this trust rule?
console_search_providers = Name
console_search_resources = Name or URL
console_search_trust = Name, issuer or subject
console_tool_is_now = The tool { $tool } is now in the state “{ $state }”.

# Connections of services to upstreams.
console_connections = Connections
console_connections_explained = An administrator connects the service once. It then uses the upstream without a user, until the connection is ended here or there.
console_connect_service = Connect { $service } to { $upstream }
console_connect_service_effect = The service <strong><bdi>{ $service }</bdi></strong> then uses <strong><bdi>{ $upstream }</bdi></strong> at any time, with the account that you sign in with there and without asking you. Use an account that belongs to the service, not your own.
console_connection_ended = The connection was ended.
console_source_administrator = administrator
console_source_document = metadata document
console_source_registration = registration
console_service_no_users = No user has connected this service yet.
console_service_unconnected = This service needs no connection of its users.
