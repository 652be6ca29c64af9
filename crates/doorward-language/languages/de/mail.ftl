# Mails to users. A mail begins with the greeting and ends with the name and URL of the server.
mail_greeting = Guten Tag { $name },
mail_help = Hilfe: { $url }
mail_invitation_subject = Sie sind eingeladen
mail_invitation_account = für Sie wurde ein Konto bei { $server } erstellt. Ihr Anmeldename ist { $user }.
mail_invitation_provider = Melden Sie sich mit { $provider } an:
mail_invitation_choose_password = Wählen Sie innerhalb von sieben Tagen ein Passwort. Der Link gilt einmal:
mail_invitation_sign_in = Melden Sie sich hier an:
mail_reset_subject = Neues Passwort festlegen
mail_reset_request = für { $user } wurde ein neues Passwort angefordert. Legen Sie es innerhalb einer Stunde fest. Der Link gilt einmal:
mail_reset_not_you = Wenn Sie das nicht angefordert haben, ignorieren Sie diese E-Mail. Ihr Passwort bleibt unverändert.
mail_new_sign_in_subject = Neue Anmeldung
mail_new_sign_in_event = am { $time } gab es eine Anmeldung als { $user } mit einem neuen Browser und einer neuen IP-Adresse:
mail_new_sign_in_advice = Wenn Sie das waren, ist nichts zu tun. Andernfalls beenden Sie diese Sitzung und ändern Sie Ihr Passwort:
mail_test_subject = Testmail
mail_test_text = dies ist eine Testmail, die ein Administrator gesendet hat. E-Mails dieses Servers kommen an.
