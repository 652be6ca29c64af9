# Pages of administrators.
admin_overview = Overview
admin_users = Users
admin_clients = Clients
admin_providers = Identity providers
admin_policy = Policy
admin_keys = Signing keys
admin_timeline = Timeline
admin_audit = Audit
admin_not_changed = Nothing was changed: { $reason }.

# Overview.
admin_mcp_server = MCP server
admin_mcp_url = URL for clients: <code>{ $url }</code>
admin_mcp_on_explained = While the MCP server is disabled, every MCP URL responds with 404, also to connected clients. Grants are kept.
admin_mcp_disable = Disable
admin_mcp_public = While the MCP server is enabled, the following is public:
admin_mcp_private = Tools and their results are only available to signed-in users.
admin_mcp_acknowledge = I understand what becomes public.
admin_mcp_enable = Enable
admin_health = System status
admin_good = ok
admin_bad = problem
admin_test_mail = Send a test mail
admin_test_mail_off = No mail server is set up. Set mail.url and mail.from in the configuration to send mail.
admin_test_mail_to = E-mail address
admin_test_mail_sent = The mail server accepted a test mail to { $email }.
admin_notice = Notice
admin_notice_explained = One line that every page shows, for example about planned maintenance. Leave empty to show none.
admin_notice_text = Text

# Audit.
admin_audit_user = User
admin_audit_kind = Event
admin_audit_outcome = Outcome
admin_audit_tool = Tool
admin_audit_upstream = Upstream
admin_audit_subject = Subject
admin_audit_search = Text in names or details
admin_audit_from = From
admin_audit_to = To
admin_audit_json = JSON lines
admin_audit_csv = CSV
admin_audit_verify = To verify that no entry was changed or removed: <code>doorward audit verify</code>.
admin_audit_none_in_range = No match in the searched range.
admin_audit_none = No matching entries.
admin_audit_search_further = Search older entries
admin_record_title = Recorded call
admin_record_audited = Your access to this record is audited.
admin_record_arguments = Arguments
admin_record_result = Result

# Clients.
admin_client_metadata = Metadata
admin_client_source = Source
admin_client_first_allowed = First allowed
admin_client_auth = Authentication method
admin_client_page = Website
admin_client_redirect_uris = Redirect URIs
admin_client_attempts = Connection attempts
admin_client_activity = Audit entries
admin_client_decide = Actions
admin_client_withdraw_approval = Revoke approval
admin_client_approve = Approve
admin_client_unpin = Unpin metadata document
admin_client_pin = Pin metadata document
admin_client_unblock = Enable
admin_client_block = Disable and revoke access
admin_client_pin_explained = If the metadata document of a pinned client changes, the client is refused until an administrator decides.
admin_client_delete_sure = Delete this client. Its access is revoked, and it must register again.
admin_client_added = The client was added
admin_client_copy_secret = Copy the secret now. It is not shown again.
admin_client_search = Name or ID
admin_client_by_hand = added by an administrator
admin_client_document = metadata document
admin_client_document_of = metadata document of { $vendor }
admin_client_registered = dynamic registration
admin_client_find = Find
admin_client_quota = { $count } of at most { $most } clients are registered dynamically.
admin_client_approval = Clients that were not added by an administrator require approval.
admin_client_clean_up_days = Delete unused registrations older than (days)
admin_client_clean_up = Clean up
admin_client_cleaned_up =
    { $count ->
        [one] { $count } unused registration was deleted.
       *[other] { $count } unused registrations were deleted.
    }
admin_client_add = Add a client
admin_client_redirect_uris_lines = Redirect URIs, one per line
admin_client_confidential = Confidential: the client has a server side that can keep a secret
admin_client_admin = The client may request the scope admin from administrators
admin_client_openid = Relying party: users sign in to this application through this server (OpenID Connect)
admin_client_pairwise = OpenID Connect: pairwise subjects, which other applications cannot compare
admin_client_signed_userinfo = OpenID Connect: userinfo as a signed token
admin_client_pairwise_ends = Changing this revokes the access that users gave the application, because their subjects change.
admin_client_post_logout = URLs after signing out, one per line
admin_client_backchannel = URL to notify when a session ends (back-channel logout)
admin_client_rules = Rules for its requests
admin_client_require_pushed = Authorization requests must be pushed (PAR)
admin_client_bound_tokens = Access tokens must be bound to a key (DPoP)
admin_client_backchannel_sid = The application requires the session ID (sid) in the notification
admin_client_add_service = Add a service
admin_client_service_explained = A service acts without a user, for example a nightly job or a build. It gets short-lived tokens with client_credentials.
admin_client_service_account = Account of the service
admin_client_service_account_hint = A sign-in name such as nightly. The account is created if it does not exist.
admin_client_scopes = Scopes
admin_client_jwks = Public keys (JWK Set), instead of a secret
admin_client_service = Service
admin_client_exchange = Exchange tokens
admin_client_exchange_explained = A client that acts for users, such as an agent, exchanges their tokens for narrower ones (RFC 8693). Ending the permission revokes the exchanged tokens at once.
admin_client_exchange_from = client_id of each application whose users’ tokens it may exchange, one per line
admin_client_exchange_back_end = AI back end: each token is for one upstream and is valid for at most five minutes. Applications and users never see these tokens.
admin_client_exchange_providers = Tokens of identity providers that it may exchange, each once: provider, audience and, if one is required, a scope, separated by spaces, one kind per line
admin_client_exchange_permit = Permit
admin_client_exchange_change = Change
admin_client_exchange_end = End the permission
admin_client_state_blocked = disabled
admin_client_state_approved = approved
admin_client_state_waiting = awaits approval
admin_client_state_pinned = pinned

# Keys and tokens.
admin_keys_key = Key
admin_keys_algorithm = Algorithm
admin_keys_from = Active from
admin_keys_until = Kept until
admin_keys_create = Create a new key
admin_keys_explained = The new key is published before it signs, so that no token is refused. The old key is kept until everything that it signed has expired.
admin_keys_state_active = active
admin_keys_state_next = pending
admin_keys_state_verifies = verification only
admin_tokens_of = User
admin_tokens_scopes = Scopes
admin_tokens_last_used = Last used
admin_tokens_expires = Expires
admin_tokens_ended = ended
admin_tokens_service = To create a service token: <code>doorward token create NAME --service ACCOUNT --scope mcp:read</code>.

# Users.
admin_user_added = User { $user } was added
admin_user_hand_over_no_mail = No mail was sent. Give the user this link: it works once, within seven days.
admin_user_hand_over_mail_failed = The mail could not be sent. Give the user this link: it works once, within seven days.
admin_user_tell_mail_failed = The mail could not be sent. Tell the user that the account exists.
admin_user_email = E-mail address
admin_user_roles = Roles
admin_user_disabled = disabled
admin_user_active = active
admin_user_cannot_sign_in = cannot sign in yet
admin_user_first_password_state = must change the first password
admin_user_service = service
admin_user_add = Add a user
admin_user_sign_in_name = Sign-in name
admin_user_roles_list = Roles, separated by spaces
admin_user_way = Sign-in method
admin_user_by_password = Password
admin_user_by_invitation = Invitation through { $provider } with this e-mail address
admin_user_first_password = Initial password (optional)
admin_user_profile = Profile and roles
admin_user_since = since { $time }
admin_user_display_name = Display name
admin_user_sign_in = Sign-in
admin_user_stated = Last statement of { $provider } ({ $time })
admin_user_stated_nothing = not stated
admin_user_stated_more = { $values } and { $count } more
admin_user_stated_no_rules = No rule of this identity provider reads a claim.
admin_user_rule_holds = holds
admin_user_rule_fails = does not hold
admin_user_has_password = password set
admin_user_no_password = no password
admin_user_passkeys =
    { $count ->
        [one] { $count } passkey
       *[other] { $count } passkeys
    }
admin_user_authenticator = authenticator app set up
admin_user_no_authenticator = no authenticator app
admin_user_tokens =
    { $count ->
        [one] { $count } active personal access token
       *[other] { $count } active personal access tokens
    }
admin_user_session = { $browser } · IP address { $address } · last seen { $seen }
admin_user_end_session = End the session { $session }
admin_user_apps_too = Also revoke the access of connected apps
admin_user_end_sessions = End all sessions
admin_user_set_password = Set a password
admin_user_set_password_submit = Set password, end sessions and revoke apps
admin_user_remove_factors = Remove all second factors
admin_user_remove_factors_sure = Remove passkeys, authenticator app and recovery codes. Sessions end, and connected apps are revoked.
admin_user_remove_factors_submit = Remove second factors
admin_user_no_apps = No app has access to the account of { $user }.
admin_user_app = { $scopes } · last used { $used }
admin_user_activity = Recent activity
admin_user_all_activity = Show all in the audit
admin_user_end = Disable or delete
admin_user_enable = Enable
admin_user_disable = Disable, end sessions, revoke tokens and apps
admin_user_delete_sure = Delete this account. This cannot be undone. The audit keeps the entries about { $user }.
admin_delete_named = Delete { $name }
admin_user_saved = Saved.
admin_user_enabled = The user is enabled.
admin_user_was_disabled = The user is disabled. Sessions have ended; tokens and connected apps are revoked.
admin_user_password_set = The password is set. Sessions have ended; connected apps are revoked.
admin_user_factors_removed = All second factors were removed. Sessions have ended; connected apps are revoked.
admin_user_sessions_ended = All sessions have ended.
admin_user_session_ended = The session has ended.
admin_user_app_revoked = The access of the app is revoked.

# Policy.
admin_policy_question = Check the access to an item
admin_policy_user = User (ID or sign-in name)
admin_policy_kind = Type of item
admin_policy_item = Item (name or URI at /mcp)
admin_policy_client = Client (ID or name; empty for any)
admin_policy_explain = Check
admin_policy_rules = Rules name users and clients by ID. The rules of <code>[policy]</code> and <code>[access]</code> decide together.
admin_policy_answer = { $user } and { $item }:
admin_item_tool = Tool
admin_item_prompt = Prompt
admin_item_resource = Resource
admin_item_template = Resource template
admin_item_upstream = Upstream

# Identity providers.
admin_provider_none = No identity provider is configured. Users sign in with passwords and passkeys.
admin_provider_linked =
    { $count ->
        [one] { $count } linked account
       *[other] { $count } linked accounts
    }
admin_provider_in_file = from the configuration file
admin_provider_redirect_uri = Redirect URI to register at the identity provider
admin_provider_test = Test
admin_provider_test_named = Test { $provider }
admin_provider_delete_sure = Delete this identity provider. Users who sign in through it lose access.
admin_provider_add = Add an identity provider
admin_provider_kind = Type
admin_admits_title = Who can sign in
admin_admits_off = No user can sign in through this identity provider: it is disabled.
admin_admits_open = Every account of this identity provider can sign in and gets an account here.
admin_admits_open_public = Everyone with a { $service } account can sign in and gets an account here.
admin_admits_open_rules = Accounts that meet all of these rules can sign in and get an account here: { $rules }
admin_admits_invited = Only invited users and users with a linked account can sign in.
admin_admits_invited_rules = Only invited users and users with a linked account can sign in, if they meet all of these rules: { $rules }
admin_admits_undecided = Only invited users and users with a linked account can sign in. New { $service } accounts are refused until sign_up is set, or allowed_domains, allowed_groups or required_claims limits who is admitted.
admin_provider_deleted = The identity provider was deleted. The access of users who signed in through it has ended.

# Upstreams.
admin_upstream_access = access: { $auth }
admin_upstream_connected =
    { $count ->
        [one] { $count } user connected
       *[other] { $count } users connected
    }
admin_upstream_tools =
    { $count ->
        [one] { $count } tool known
       *[other] { $count } tools known
    }
admin_upstream_names_another = The upstream names another authorization server or resource than before. No user is redirected there until you accept it.
admin_upstream_accepted = accepted
admin_upstream_named_now = named now
admin_upstream_accept_warning = Accept it only if the operator of the upstream confirmed the change. All connected users must then connect again.
admin_upstream_accept = Accept
admin_upstream_left_out =
    { $count ->
        [one] { $count } listed element is left out:
       *[other] { $count } listed elements are left out:
    }
admin_upstream_parts_left_out =
    { $count ->
        [one] { $count } part is left out or completed:
       *[other] { $count } parts are left out or completed:
    }
admin_tool_changed = { $part } changed
admin_tool_before = approved
admin_tool_after = now
admin_tool_approve_named = Approve { $tool }
admin_tool_reject = Reject
admin_tool_reject_named = Reject { $tool }
admin_tool_class = Class
admin_tool_class_annotations = as declared
admin_tool_class_read = read
admin_tool_class_write = write
admin_tool_class_destructive = destructive
admin_tool_set_class = Set
admin_tool_set_class_named = Set the class of { $tool }
admin_tool_state_approved = approved
admin_tool_state_rejected = rejected
admin_tool_state_waiting = awaits review
admin_tool_state_changed = changed

# Connection attempts.
admin_timeline_explained = Every attempt of a client to connect, from its first request to its first call.
admin_timeline_client_example = name or client_id
admin_timeline_hours = Last hours
admin_timeline_none = No client tried to connect in this period.
admin_timeline_steps = Steps
admin_trust = Trust rules
admin_trust_explained = A trust rule lets a workload, such as a CI job or a pod, act as a service without a secret: it presents the token that its platform signed. Each rule has its own client.
admin_trust_none = No trust rule was added.
admin_trust_add = Add a trust rule
admin_trust_added = The trust rule was added.
admin_trust_changed = The trust rule was changed; the access of its workload has ended.
admin_trust_deleted = The trust rule was deleted; the access of its workload has ended.
admin_trust_issuer = Issuer, exactly as in the claim iss
admin_trust_audience = Audience
admin_trust_audience_hint = Tokens must have exactly this audience. Empty for the public URL of this server.
admin_trust_subject = Subject; * matches any text
admin_trust_claims = Further claims, one NAME=PATTERN per line
admin_trust_jwks_uri = URL of the issuer’s keys, if its discovery document does not name it
admin_trust_jwks = Public keys of the issuer (JWK Set), if this server cannot fetch them
admin_trust_reusable = A token may be presented again until it expires (Kubernetes, SPIFFE)
admin_trust_change = Change the trust rule
admin_trust_change_ends = A change ends the current access of the workload.
admin_trust_delete_sure = Delete this trust rule. The access of its workload ends.
admin_resources = Resource servers
admin_resources_explained = External resource servers are other programs that accept the access tokens of this server. Clients sign users in here and call them directly.
admin_resources_none = No external resource server was added.
admin_resource_add = Add a resource server
admin_resource_url = URL, exactly as in the audience of tokens
admin_resource_name = Name on the consent page (optional)
admin_resource_scopes = Scopes, separated by spaces; the first is the default
admin_resource_roles = Roles that may use it (none: all users)
admin_resource_set_up = Set up this server
admin_resource_metadata = Metadata document, to serve at
admin_resource_copy_secret = Copy the secret now; it is shown only once. The server needs it for introspection only.
admin_resource_replace_secret = Replace the secret
admin_resource_added = { $name } was added.
admin_resource_changed = The resource server was changed.
admin_resources_delete_question =
    { $count ->
        [one] Delete this resource server?
       *[other] Delete { $count } resource servers?
    }
admin_resources_delete_effect = Apps lose their access to them at once.
admin_resources_were_deleted =
    { $count ->
        [one] { $count } resource server was deleted.
       *[other] { $count } resource servers were deleted.
    }
admin_resource_secret_replaced = The secret was replaced. The previous one no longer works.
admin_keys_created = A new signing key was created. Clients learn it before it signs.
admin_trust_client = The client of this rule
