# Consent, confirmation of calls, and connecting to upstreams.
consent_title = May { $client } act for you?
consent_question = May <strong><bdi>{ $client }</bdi></strong> act for you?
consent_by_administrator = added by your administrator
consent_published = published by { $host }
consent_published_by = published by { $vendor } at { $host }
consent_unverified = unverified
consent_unverified_explained = The app chose this name itself; it was not verified.
consent_destination = If you allow it, access is sent to
consent_localhost = <strong>This app runs on your own computer.</strong> Any program there can claim to be this app. Continue only if you just started connecting it yourself.
consent_scopes = The app will be able to
consent_allowed_before = already allowed
consent_locked = Not included, because a second factor is required: { $scopes }.
consent_verify_now = Verify now
consent_beyond = Not included, because your roles do not allow it: { $scopes }.
consent_resource = Server
consent_as = Account
consent_switch = use another account
consent_deny = Deny
consent_allow = Allow
consent_revocable = You can revoke this at any time on <a href="{ $url }">your account page</a>.

# Confirmation of a call.
consent_call_title = Confirm a tool call
consent_call_code_title = Your confirmation code
consent_call_question = May <strong><bdi>{ $client }</bdi></strong> do this?
consent_call_code = Give this code to the app. It works once, for this call only, and expires ten minutes after the app’s request.
consent_call_explained = The app wants to call a tool that may change something on your behalf:
consent_call_tool = Tool
consent_call_arguments = Arguments
consent_call_no = No
consent_call_yes = Yes, show the code

# Connecting to an upstream.
consent_connect_title = Connect { $service }
consent_connect_question = Connect <strong><bdi>{ $service }</bdi></strong>?
consent_connect_again_question = Connect <strong><bdi>{ $service }</bdi></strong> again?
consent_connect_effect = Apps that act for you here can then use <strong><bdi>{ $service }</bdi></strong> with your own account there, within what you allowed them.
consent_connect_host = You sign in and decide at
consent_connect_no_scopes = The service determines the access that it requests.
consent_connect_scopes = Requested scopes:
consent_connect_new_scopes = Additionally requested now:
consent_connect_new_scopes_warning = The service did not request this when it was first connected. Continue only if you expected it.
consent_connect_for = Account
consent_connect_account = { $user }, the account that you are signed in with here. Connect only an account of your own.
consent_connect_not_now = Not now
consent_connect_go = Go to { $host }
consent_connect_stored = The access is stored encrypted. Neither the app nor its model ever sees it. You can end it at any time on <a href="{ $url }">your account page</a>.
consent_connected_title = { $service } is connected
consent_connected = <strong><bdi>{ $service }</bdi></strong> is connected
consent_connected_explained = You can close this page and return to your app. If the app is waiting, tell it to continue.
consent_external = This access is for <strong>{ $name }</strong> at <code>{ $url }</code>, a server outside { $product }. The app can use it there only.
consent_toolset = This access is for the toolset <strong>{ $name }</strong> only. The app sees and uses nothing else.
consent_your_computer = Your computer
consent_services =
    { $count ->
        [one] { $count } service
       *[other] { $count } services
    }
consent_tools_read =
    { $count ->
        [one] { $count } tool that looks things up
       *[other] { $count } tools that look things up
    }
consent_tools_write =
    { $count ->
        [one] { $count } tool that changes things
       *[other] { $count } tools that change things
    }
consent_tools_destructive =
    { $count ->
        [one] { $count } tool that may delete or overwrite
       *[other] { $count } tools that may delete or overwrite
    }
