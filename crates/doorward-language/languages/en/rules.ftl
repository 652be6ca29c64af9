# Pages of rules besides the policy.
rules_pages = Pages of rules
rules_access = Access rules
rules_limits = Limits
rules_registration = Admission of clients
rules_in_effect = Settings in effect
rules_locked_explained = Change these settings in the configuration file, under <code>[{ $section }]</code>, and put them in effect with <code>doorward reload</code>.
rules_setting = Setting
rules_value = Value
rules_origin = Origin
rules_none = none
rules_change_explained = Save puts these settings in effect on all servers within a second.

# Settings of these rules.
rules_access_scope_roles = Roles that may have a scope, such as mcp:write = developer admin. A scope without a rule is for all users.
rules_access_tool_roles = Roles that may call a tool, such as wiki_* = editor. Of several rules that match, all must hold.
rules_access_second_factor_scopes = Scopes that are given only to users who verified a second factor.
rules_access_second_factor_for_administrators = The administration pages require a second factor.
rules_limits_calls_per_minute_user = Maximum number of calls per minute of one user, through all clients together.
rules_limits_calls_per_minute_client = Maximum number of calls per minute through one client, of all users together.
rules_limits_calls_at_once_user = Maximum number of concurrent calls of one user.
rules_limits_calls_at_once_upstream = Maximum number of concurrent calls to one upstream, of all users together.
rules_limits_calls_waiting = Maximum number of queued calls, for each user and for each upstream.
rules_limits_wait_seconds = Maximum time for which a call is queued, in seconds.
rules_limits_call_seconds = Maximum duration of a call, in seconds.
rules_limits_argument_bytes = Maximum size of a call’s arguments, in bytes.
rules_limits_result_bytes = Maximum size of a result, in bytes.
rules_registration_dynamic = Clients may register themselves.
rules_registration_metadata_documents = A client may be identified by the https URL of its metadata document.
rules_registration_metadata_document_hosts = Hosts from which metadata documents are fetched; empty for any public host.
rules_registration_known_clients = Known clients work even if the documents of their vendors cannot be fetched.
rules_registration_approval = An administrator must approve each client before users can use it.
rules_registration_private_schemes = Accepted private-use redirect schemes without a period.
rules_registration_redirect_hosts = Hosts that clients which register themselves may redirect to; empty for any host.
rules_registration_max_redirect_uris = Maximum number of redirect URIs of one client.
rules_registration_max_registrations = Maximum number of registrations.
rules_registration_unused_seconds = Seconds after which a registration that no user authorized is deleted.
rules_registration_burst_per_address = Maximum number of registrations that one IP address may send at once.
rules_registration_per_minute_per_address = Number of registrations per minute that one IP address may send in the long run.
rules_registration_metadata_document_max_age_seconds = Maximum time for which a metadata document is used without fetching it again, in seconds.
