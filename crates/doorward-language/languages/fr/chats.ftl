# Comptes de messagerie qui agissent pour des utilisateurs : la page où l’un d’eux est lié, et les listes.
chats_title = Lier un compte de messagerie
chats_question = Le compte de messagerie <strong><bdi>{ $account }</bdi></strong> peut-il agir en tant que <strong>{ $user }</strong> ?
chats_warning = <strong>Ne continuez que si ce compte de messagerie est le vôtre et si vous avez vous-même demandé ce lien au bot.</strong> Si une autre personne vous a envoyé le lien, refusez : quiconque écrit avec ce compte appellerait des outils avec vos droits.
chats_server = Serveur de messagerie
chats_account = Compte de messagerie
chats_counts = Valable pendant
chats_days =
    { $days ->
        [one] { $days } jour
       *[other] { $days } jours
    }
chats_link = Lier ce compte
chats_deny = Refuser
chats_done = Le compte est lié. Répétez votre message dans la messagerie.
chats_denied = Le compte n’a pas été lié. Vous pouvez fermer cette page.
chats_not_linked = Le compte de messagerie n’a pas été lié
chats_over = Le lien a déjà été utilisé ou a expiré.
chats_linked = Ce compte de messagerie est déjà lié. Il faut d’abord mettre fin à la liaison actuelle.
chats_disabled = Un administrateur a désactivé le connecteur de cette messagerie.
chats_write_again = Écrivez de nouveau au bot dans la messagerie : il vous donnera un autre lien.
chats_heading = Comptes de messagerie
chats_unlink = Mettre fin à la liaison
chats_unlink_of = Mettre fin à la liaison avec { $account }
chats_admin = Comptes de messagerie
chats_admin_none = Aucun compte de messagerie n’est lié à un utilisateur.
chats_admin_explained = Chacun de ces comptes appelle des outils avec les droits de son utilisateur. Après la fin d’une liaison, l’utilisateur peut lier de nouveau le compte.
chats_admin_since = Lié
