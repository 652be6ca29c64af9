# A user's own pages: overview, activity, and the navigation between them.
account_title = Your account
account_pages = Pages of your account
account_hello = Hello, { $name }
account_overview = Overview
account_connect_client = Connect a client
account_tokens = Personal access tokens
account_activity = Activity
account_security = Sign-in and security
account_roles = roles: { $roles }
account_connect_app = Connect an app
account_paste_url = Paste this URL into Claude, ChatGPT, VS Code, Cursor or any other MCP client. The client discovers everything else.
account_instructions = Instructions for each client
account_no_apps = No app has access to your account.
account_unverified_name = unverified name
account_app_receivers = access goes to { $hosts }
account_app_times = connected { $connected } · last used { $used }
account_last_called = last called:
account_narrow = Reduce access
account_narrow_submit = Keep only the selected permissions
account_services = Services behind this server
account_disconnect = Disconnect
account_disconnect_service = Disconnect { $service }
account_connect = Connect
account_connect_again = Connect again
account_service_ready = ready
account_service_not_connected = not connected
account_service_expired = connection expired
account_service_unreachable = unreachable
account_service_tools =
    { $count ->
        [one] { $count } tool
       *[other] { $count } tools
    }
account_service_connected = connected { $time }
account_service_account = account at the service: { $account }
account_service_scopes = scopes at the service: { $scopes }
account_recent = Recent activity
account_all_activity = Show all
account_sessions = Active sessions
account_this_browser = this browser
account_session_facts = IP address { $address } · since { $since } · last seen { $seen }
account_end_session = End the session of { $browser } from { $address }
account_security_summary = Passkeys, authenticator app, recovery codes, linked accounts.
account_manage = Manage
account_password_consequence = Changing the password ends your other sessions and revokes the access of all connected apps.
account_current_password = Current password
account_change_password = Change password
account_password_changed = Your password was changed. Your other sessions have ended, and connected apps must be connected again.
account_password_not_changed = The password was not changed: { $reason }.
account_session_ended_already = That session has already ended.
account_activity_title = Activity of your account

# Reasons for which a service cannot be used.
account_problem_expired = the access has expired, and the service issued no refresh token
account_problem_refused = the service no longer accepts the access that you gave
account_problem_unknown_client = this server is no longer registered at the service
account_problem_other = reported: { $detail }
account_problem_call_refused = the service refused the access
