# Scopes as the consent page shows them.
scope_read = Look things up for you
scope_read_description = See who you are, list the tools that you may use, and call tools that only read.
scope_write = Change things for you
scope_write_description = Call tools that create or change something on your behalf.
scope_destructive = Delete or overwrite things for you
scope_destructive_description = Call tools that may delete or overwrite something on your behalf, and tools that do not declare what they do.
scope_admin_read = See what administrators see
scope_admin_read_description = See all users, clients, identity providers, upstreams, personal access tokens, settings and the audit, without changing any of them.
scope_admin_upstreams = Manage upstreams for you
scope_admin_upstreams_description = Add, test and delete upstreams and decide on their tools, for all users.
scope_admin = Administer this server for you
scope_admin_description = Do everything that an administrator can do: set passwords, remove second factors, add and delete users, clients, identity providers and upstreams, create personal access tokens, rotate signing keys, change settings, and read the audit.
scope_offline_access = Stay connected
scope_offline_access_description = Keep access while you are away, until you revoke it.
scope_at = { $scope } at { $upstream }
scope_at_description = { $description } Only at { $upstream }.
