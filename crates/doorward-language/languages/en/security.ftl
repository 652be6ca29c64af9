# Passkeys, authenticator app, recovery codes and linked accounts.
security_title = Sign-in and security
security_sign_in_again = Your last sign-in was a while ago. <a href="{ $url }">Sign in again</a> to make changes.
security_verify_factor = You signed in without your second factor. <a href="{ $url }">Verify it</a> to make changes.
security_passkeys_explained = Your fingerprint, face or device PIN instead of a password. A passkey counts as two factors.
security_passkey_times = added { $added } · last used { $used }
security_remove_passkey = Remove the passkey { $name }
security_passkey_name = Name of the new passkey
security_passkey_example = My laptop
security_add_passkey = Add a passkey
security_needs_javascript = JavaScript is required to add a passkey.
security_needs_host_name = Passkeys require a host name, but this server was opened under an IP address.
security_authenticator = Authenticator app
security_authenticator_explained = After your password, you are asked for the six-digit code of the app.
security_set_up_app = Set up an authenticator app
security_scan = Scan this QR code with an app such as Aegis, 2FAS or Google Authenticator, or enter the key.
security_qr_code = QR code of the key below
security_app_code = Six-digit code from the app
security_not_set_up = Not set up.
security_recovery_codes = Recovery codes
security_recovery_codes_left =
    { $count ->
        [one] { $count } left
       *[other] { $count } left
    }
security_recovery_explained = For sign-in when you have neither your app nor your device at hand.
security_recovery_needs_factor = Add a passkey or set up an authenticator app first.
security_new_codes = Create new codes
security_linked_accounts = Linked accounts
security_identity_times = { $account } · last used { $used }
security_unlink = Unlink
security_unlink_provider = Unlink { $provider }
security_link_provider = Link { $provider }
security_sign_in_first = Sign in again before you change how you sign in.
security_passkey_gone = That passkey was already removed.
security_last_identity = You can only sign in through this account. Link another one first.

# Reasons for which a second factor is refused.
security_refused_wrong = This code is wrong or was already used.
security_refused_wait =
    { $seconds ->
        [one] Too many failed attempts. Try again in { $seconds } second.
       *[other] Too many failed attempts. Try again in { $seconds } seconds.
    }
security_refused_passkey = The passkey was not accepted. Try again.
security_refused_stale = This page was open for too long or was already used. Try again.
security_refused_already = This is already set up.
