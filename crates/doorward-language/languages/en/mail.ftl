# Mails to users. A mail begins with the greeting and ends with the name and URL of the server.
mail_greeting = Hello { $name },
mail_help = Help: { $url }
mail_invitation_subject = You are invited
mail_invitation_account = an account was created for you at { $server }. Your sign-in name is { $user }.
mail_invitation_provider = Sign in with { $provider }:
mail_invitation_choose_password = Choose a password within seven days. The link works once:
mail_invitation_sign_in = Sign in here:
mail_reset_subject = Set a new password
mail_reset_request = a new password was requested for { $user }. Set it within one hour. The link works once:
mail_reset_not_you = If you did not request it, ignore this mail. Your password stays unchanged.
mail_new_sign_in_subject = New sign-in
mail_new_sign_in_event = there was a sign-in as { $user } from a new browser and IP address at { $time }:
mail_new_sign_in_advice = If this was you, no action is needed. Otherwise end that session and change your password:
mail_test_subject = Test mail
mail_test_text = this is a test mail, sent by an administrator. Mail from this server arrives.
