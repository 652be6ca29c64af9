# Mails to users. A mail begins with the greeting and ends with the name and URL of the server.
mail_greeting = Bonjour { $name },
mail_help = Aide : { $url }
mail_invitation_subject = Vous êtes invité
mail_invitation_account = un compte a été créé pour vous sur { $server }. Votre identifiant est { $user }.
mail_invitation_provider = Connectez-vous avec { $provider } :
mail_invitation_choose_password = Choisissez un mot de passe dans les sept jours. Le lien ne fonctionne qu’une fois :
mail_invitation_sign_in = Connectez-vous ici :
mail_reset_subject = Définir un nouveau mot de passe
mail_reset_request = un nouveau mot de passe a été demandé pour { $user }. Définissez-le dans l’heure. Le lien ne fonctionne qu’une fois :
mail_reset_not_you = Si vous n’avez rien demandé, ignorez cet e-mail. Votre mot de passe reste inchangé.
mail_new_sign_in_subject = Nouvelle connexion
mail_new_sign_in_event = une connexion en tant que { $user } a eu lieu le { $time } depuis un nouveau navigateur et une nouvelle adresse IP :
mail_new_sign_in_advice = Si c’était vous, aucune action n’est nécessaire. Sinon, mettez fin à cette session et changez votre mot de passe :
mail_test_subject = E-mail de test
mail_test_text = ceci est l’e-mail de test envoyé par un administrateur. Les e-mails de ce serveur arrivent.
