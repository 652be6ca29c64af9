# The state of the server, on the administrators' overview.
health_version = Version
health_configuration = Configuration
health_configuration_in_effect = in effect
health_configuration_restart = in effect; a restart is needed for { $settings }
health_configuration_wrong = the changed configuration cannot be used, and the previous one stays in effect ({ $detail })
health_database = Database
health_database_answers = { $database } responds
health_keys = Signing keys
health_keys_active =
    { $count ->
        [one] { $count } active key
       *[other] { $count } active keys
    }
health_clock = Clock
health_clock_equal = in step with the database
health_clock_differs = the clocks of this machine and the database differ; synchronise them
health_audit = Audit
health_audit_entries =
    { $count ->
        [one] { $count } entry, the last hash is { $hash }
       *[other] { $count } entries, the last hash is { $hash }
    }
health_export = Export to { $destination }
health_export_waiting =
    { $count ->
        [one] { $count } entry waits to be sent
       *[other] { $count } entries wait to be sent
    }
health_export_behind = { $count } entries wait to be sent; the log has the reason
health_upstream = Upstream { $name }
health_provider = Identity provider { $name }
health_mail = Mail server
health_deliveries = Deliveries to { $destination }
health_dependencies = Upstreams, identity providers, mail and exports
health_dependency_answered = responded in { $milliseconds } ms, at { $time }
health_dependency_off = is disabled
health_dependency_down = { $error }; failed at { $time }, last response at { $success }
health_dependency_never = { $error }; failed at { $time } and has never responded
health_dependency_not_asked = not checked yet
health_dependency_not_asked_since = not checked since { $time }
health_disk = Disk
health_disk_free = { $megabytes } MiB are free
health_disk_full = only { $megabytes } MiB are free in the data directory; free some space before writes fail
health_backup = Backup
health_backup_made = last created at { $time }
health_backup_none = no backup was created with doorward backup; create one, or ignore this if the database is backed up in another way
health_failed = failed: { $detail }

# Subjects of the test of an identity provider. What it found is for the operator, in English.
health_look_discovery = Discovery
health_look_keys = Keys
health_look_redirect = Redirect
health_look_client = Client authentication
health_look_clock = Clock
health_look_claims = Claims that rules read
health_look_left_out = Ignored values
health_look_authorization_server = Authorization server
health_look_pkce = PKCE
health_look_registration = Registration
health_look_document = Document
health_look_connection = Connection

# Public information while the MCP server is enabled.
health_public_issuer = the fact that this URL is an authorization server: { $url }
health_public_server = the URL and the name of the MCP server: { $url }, { $name }
health_public_endpoints = the URLs of its endpoints, the names of its scopes and its public keys
health_public_upstreams = the names of the upstreams, in URLs below the server’s
