# Signing in and out: login, second factor, forgotten passwords, linking, the administrator link.
sign_in_to_continue_to = to continue to <strong><bdi>{ $client }</bdi></strong>
sign_in_renewing = This action changes who has access. Sign in again to continue where you left off.
sign_in_continue_with = Continue with { $provider }
sign_in_with_passkey = Sign in with a passkey
sign_in_work_email = Your work e-mail address
sign_in_find_page = Find my sign-in page
sign_in_forgot = Forgot your password?
sign_in_no_way = Sign-in is not possible yet: passwords are disabled and no identity provider is configured. An administrator can add one with <code>doorward provider add</code>.
sign_in_unknown_home = No sign-in page is known for this e-mail address. Choose one below.
sign_in_wrong = The name or the password is wrong.
sign_in_passkey_refused = The passkey was not accepted. Try again, or sign in another way.

# Signing out.
sign_in_out_question = Sign out?
sign_in_out_as = You are signed in as <strong>{ $user }</strong>. Connected apps keep their access.
sign_in_out_done = You are signed out
sign_in_out_apps = Connected apps keep their access until you revoke it.
sign_in_out_asked_by = <strong>{ $app }</strong> asks you to sign out here.
sign_in_out_told = Applications that you sign in to with this account are notified.
sign_in_out_stay = Stay signed in
sign_in_out_maybe = You may still be signed in at { $provider }. On a shared computer, sign out there too.
sign_in_out_again = Sign in again
sign_in_out_at = Sign out at { $provider }
sign_in_out_still = You are still signed in at { $provider }, which has no sign-out page. On a shared computer, sign out there yourself, or close all browser windows.
sign_in_going_to = Redirecting to { $provider }

# The second factor.
sign_in_factor_title = Second factor
sign_in_factor_verify = Verify your second factor, { $user }
sign_in_factor_set_up = Set up a second factor
sign_in_factor_needed = This server requires a second factor. You set it up once; it takes about a minute.
sign_in_factor_passkey = Passkey
sign_in_factor_passkey_explained = Your fingerprint, face or device PIN. No typing required.
sign_in_factor_use_passkey = Use a passkey
sign_in_factor_code = Six-digit code of your authenticator app
sign_in_factor_recovery = Recovery code
sign_in_factor_lost = If you have lost the app, enter a recovery code.
sign_in_factor_skip = <a href="{ $url }">Continue without a second factor</a>: the app only gets the access that does not require one.
sign_in_as_other = Sign in as another user
sign_in_codes_title = Your recovery codes
sign_in_codes_explained = Each code works once, in case you lose your other second factors. The codes are shown only now: print them, or store them in your password manager.
sign_in_codes_print = Print
sign_in_codes_download = Download
sign_in_codes_file = recovery-codes.txt
sign_in_codes_kept = I have stored them, continue

# A forgotten password.
sign_in_reset_sent = If an account with this name, a password and an e-mail address exists, a mail was sent to it. The link in the mail is valid for one hour.
sign_in_reset_back = Back to sign-in
sign_in_reset_explained = You receive a link by mail to set a new password.
sign_in_reset_name = Name or e-mail address
sign_in_reset_send = Send link
sign_in_reset_too_often = Too many requests. Try again in a few minutes.
sign_in_reset_title = Set a new password
sign_in_first_password = This first password was chosen by an administrator. Choose your own now; it replaces the first one.
sign_in_choose_title = Choose a password
sign_in_choose_done = Your password is set. Sign in with it.
sign_in_reset_done = Your password was changed. All sessions have ended, and connected apps must be connected again.
sign_in_reset_for = for <strong>{ $user }</strong>
sign_in_reset_submit = Set password

# A user comes from an identity provider.
sign_in_welcome = Welcome
sign_in_link_question = Link { $provider } to { $user }?
sign_in_link_effect = A sign-in at { $provider } as <strong>{ $account }</strong> will then be a sign-in here as <strong>{ $user }</strong>, with all access of that account.
sign_in_link_warning = Continue only if both accounts are yours and you just requested this.
sign_in_link_submit = Link accounts
sign_in_is_this_you = Is this you?
sign_in_same_email = { $provider } identifies you as <strong>{ $account }</strong>. An account with the same e-mail address already exists here.
sign_in_same_email_advice = If it is yours, sign in to it once to link the two accounts.
sign_in_same_email_yes = Yes, sign in to that account
sign_in_same_email_no = No, create a new account
sign_in_cancel = Cancel

# The one-time administrator link.
sign_in_admin_title = Become an administrator
sign_in_admin_you = This link makes <strong>{ $user }</strong> an administrator of { $server }. It works once.
sign_in_admin_sign_in = This link makes you an administrator of { $server }. It works once. Sign in first.
sign_in_admin_create = This link creates an administrator of { $server }. It works once. Choose a name and a password.
sign_in_admin_submit = Create administrator
sign_in_admin_have_account = If you already have an account, <a href="{ $url }">sign in</a>, and this link makes you an administrator.
sign_in_first = Sign in first.
sign_in_not_added = The account was not created: { $reason }.
sign_in_reset_not_set = The password was not set: { $reason }.
