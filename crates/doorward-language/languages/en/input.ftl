# Faults of what a user typed or chose, as parts of a sentence.
input_name = a name has 1 to 64 letters, digits, “.”, “_”, “-” or “@”
input_name_taken = the name { $name } is already in use
input_password_short = choose a password of at least { $length } characters
input_password_long = a password has at most { $length } bytes
input_password_wrong = the current password is wrong
input_wait =
    { $seconds ->
        [one] too many failed attempts; try again in { $seconds } second
       *[other] too many failed attempts; try again in { $seconds } seconds
    }
input_email = { $email } is not an e-mail address
input_unknown_user = there is no user { $user }
input_last_administrator = { $user } is the last administrator; make another user an administrator first
input_role_named = { $role }: a role has 1 to 32 lower-case letters, digits, “_” or “-”
input_user_changed = the user was changed since you opened this page; check the current state and decide again
input_link = the link was already used or has expired
input_database = the database does not respond; try again shortly
input_busy = too many passwords are being checked at once; try again in a few seconds
input_token_name = a token needs a name of at most { $length } characters
input_token_days = a token is valid for 1 to { $days } days
input_token_scope = choose at least one permission
input_token_too_much = { $scope } is more than this account may grant now; a second factor may be required
input_token_too_many = there are already { $count } tokens; revoke some first
input_token_unknown = the token does not exist or is not active
input_account_ended = the access through the identity provider has ended; sign in there first
input_tokens_off = personal access tokens are disabled on this server

# Faults of forms that no page sends.
input_form = the form is incomplete ({ $field })
input_form_malformed = it is malformed ({ $detail })
input_day = { $day } is not a date; write it like 2026-11-21
input_no_format = it names no known format
