# Signing in and out: login, second factor, forgotten passwords, linking, the administrator link.
sign_in_to_continue_to = pour continuer vers <strong><bdi>{ $client }</bdi></strong>
sign_in_renewing = Cette action modifie les accès. Reconnectez-vous pour reprendre là où vous en étiez.
sign_in_continue_with = Continuer avec { $provider }
sign_in_with_passkey = Se connecter avec une clé d’accès
sign_in_work_email = Votre adresse e-mail professionnelle
sign_in_find_page = Trouver ma page de connexion
sign_in_forgot = Mot de passe oublié ?
sign_in_no_way = Il n’est pas encore possible de se connecter : les mots de passe sont désactivés et aucun fournisseur d’identité n’est configuré. Un administrateur peut en ajouter un avec <code>doorward provider add</code>.
sign_in_unknown_home = Aucune page de connexion n’est connue pour cette adresse e-mail. Choisissez-en une ci-dessous.
sign_in_wrong = Le nom ou le mot de passe est incorrect.
sign_in_passkey_refused = La clé d’accès n’a pas été acceptée. Réessayez ou connectez-vous autrement.

# Signing out.
sign_in_out_question = Se déconnecter ?
sign_in_out_as = Vous êtes connecté en tant que <strong>{ $user }</strong>. Les applications connectées conservent leur accès.
sign_in_out_done = Vous êtes déconnecté
sign_in_out_apps = Les applications connectées conservent leur accès jusqu’à ce que vous le révoquiez.
sign_in_out_asked_by = <strong>{ $app }</strong> vous demande de vous déconnecter ici.
sign_in_out_told = Les applications auxquelles vous vous connectez avec ce compte en sont informées.
sign_in_out_stay = Rester connecté
sign_in_out_maybe = Vous êtes peut-être encore connecté chez { $provider }. Sur un ordinateur partagé, déconnectez-vous aussi de ce fournisseur.
sign_in_out_again = Se reconnecter
sign_in_out_at = Se déconnecter de { $provider }
sign_in_out_still = Vous êtes encore connecté chez { $provider }, qui n’a pas de page de déconnexion. Sur un ordinateur partagé, déconnectez-vous vous-même de ce fournisseur ou fermez toutes les fenêtres du navigateur.
sign_in_going_to = Redirection vers { $provider }

# The second factor.
sign_in_factor_title = Second facteur
sign_in_factor_verify = Vérifiez votre second facteur, { $user }
sign_in_factor_set_up = Configurer un second facteur
sign_in_factor_needed = Ce serveur exige un second facteur. La configuration se fait une seule fois et prend environ une minute.
sign_in_factor_passkey = Clé d’accès
sign_in_factor_passkey_explained = Votre empreinte, votre visage ou le code de votre appareil. Rien à saisir.
sign_in_factor_use_passkey = Utiliser une clé d’accès
sign_in_factor_code = Code à six chiffres de votre application d’authentification
sign_in_factor_recovery = Code de récupération
sign_in_factor_lost = Si vous n’avez plus l’application, saisissez un code de récupération.
sign_in_factor_skip = <a href="{ $url }">Continuer sans second facteur</a> : l’application n’obtient que l’accès qui n’en exige pas.
sign_in_as_other = Se connecter avec un autre compte
sign_in_codes_title = Vos codes de récupération
sign_in_codes_explained = Chaque code fonctionne une fois, au cas où vous perdriez vos autres seconds facteurs. Les codes ne s’affichent que maintenant : imprimez-les ou enregistrez-les dans votre gestionnaire de mots de passe.
sign_in_codes_print = Imprimer
sign_in_codes_download = Télécharger
sign_in_codes_file = codes-de-recuperation.txt
sign_in_codes_kept = Je les ai enregistrés, continuer

# A forgotten password.
sign_in_reset_sent = Si un tel compte existe avec un mot de passe et une adresse e-mail, un e-mail lui a été envoyé. Le lien qu’il contient est valable une heure.
sign_in_reset_back = Retour à la connexion
sign_in_reset_explained = Vous recevrez par e-mail un lien pour définir un nouveau mot de passe.
sign_in_reset_name = Nom ou adresse e-mail
sign_in_reset_send = Envoyer le lien
sign_in_reset_too_often = Trop de demandes. Réessayez dans quelques minutes.
sign_in_reset_title = Définir un nouveau mot de passe
sign_in_first_password = Ce premier mot de passe a été choisi par un administrateur. Choisissez maintenant le vôtre ; il remplace le premier.
sign_in_choose_title = Choisir un mot de passe
sign_in_choose_done = Votre mot de passe est défini. Connectez-vous avec lui.
sign_in_reset_done = Votre mot de passe a été changé. Toutes les sessions ont pris fin et les applications doivent être reconnectées.
sign_in_reset_for = pour <strong>{ $user }</strong>
sign_in_reset_submit = Définir le mot de passe

# A user comes from an identity provider.
sign_in_welcome = Bienvenue
sign_in_link_question = Lier { $provider } à { $user } ?
sign_in_link_effect = Toute personne qui se connecte chez { $provider } en tant que <strong>{ $account }</strong> sera alors connectée ici en tant que <strong>{ $user }</strong>, avec tous les accès de ce compte.
sign_in_link_warning = Ne continuez que si les deux comptes sont les vôtres et que vous venez de le demander.
sign_in_link_submit = Lier les comptes
sign_in_is_this_you = Est-ce vous ?
sign_in_same_email = { $provider } vous identifie comme <strong>{ $account }</strong>. Un compte avec la même adresse e-mail existe déjà ici.
sign_in_same_email_advice = Si c’est le vôtre, connectez-vous-y une fois pour lier les deux comptes.
sign_in_same_email_yes = Oui, me connecter à ce compte
sign_in_same_email_no = Non, créer un nouveau compte
sign_in_cancel = Annuler

# The one-time administrator link.
sign_in_admin_title = Devenir administrateur
sign_in_admin_you = Ce lien fait de <strong>{ $user }</strong> un administrateur de { $server }. Il ne fonctionne qu’une fois.
sign_in_admin_sign_in = Ce lien fait de vous un administrateur de { $server }. Il ne fonctionne qu’une fois. Connectez-vous d’abord.
sign_in_admin_create = Ce lien crée un administrateur de { $server }. Il ne fonctionne qu’une fois. Choisissez un nom et un mot de passe.
sign_in_admin_submit = Créer l’administrateur
sign_in_admin_have_account = Si vous avez déjà un compte, <a href="{ $url }">connectez-vous</a> : ce lien fera de vous un administrateur.
sign_in_first = Connectez-vous d’abord.
sign_in_not_added = Le compte n’a pas été créé : { $reason }.
sign_in_reset_not_set = Le mot de passe n’a pas été défini : { $reason }.
