# Konten bei Chat-Servern, die für Benutzer handeln: die Seite, auf der eines verknüpft wird, und die Listen.
chats_title = Chat-Konto verknüpfen
chats_question = Darf das Chat-Konto <strong><bdi>{ $account }</bdi></strong> als <strong>{ $user }</strong> handeln?
chats_warning = <strong>Fahren Sie nur fort, wenn das Chat-Konto Ihnen gehört und Sie den Bot selbst um diesen Link gebeten haben.</strong> Hat Ihnen ein anderer Benutzer den Link geschickt, lehnen Sie ab: Wer mit jenem Konto schreibt, könnte sonst Tools mit Ihren Rechten aufrufen.
chats_server = Chat-Server
chats_account = Chat-Konto
chats_counts = Gilt für
chats_days =
    { $days ->
        [one] { $days } Tag
       *[other] { $days } Tage
    }
chats_link = Dieses Konto verknüpfen
chats_deny = Ablehnen
chats_done = Das Konto ist verknüpft. Wiederholen Sie Ihre Nachricht im Chat.
chats_denied = Das Konto wurde nicht verknüpft. Sie können diese Seite schließen.
chats_not_linked = Das Chat-Konto wurde nicht verknüpft
chats_over = Der Link wurde bereits verwendet oder ist abgelaufen.
chats_linked = Dieses Chat-Konto ist bereits verknüpft. Die bestehende Verknüpfung muss zuerst aufgehoben werden.
chats_disabled = Ein Administrator hat die Anbindung dieses Chats deaktiviert.
chats_write_again = Schreiben Sie dem Bot im Chat noch einmal: Er gibt Ihnen einen neuen Link.
chats_heading = Chat-Konten
chats_unlink = Verknüpfung aufheben
chats_unlink_of = Verknüpfung mit { $account } aufheben
chats_admin = Chat-Konten
chats_admin_none = Kein Chat-Konto ist mit einem Benutzer verknüpft.
chats_admin_explained = Jedes dieser Konten ruft Tools mit den Rechten seines Benutzers auf. Wird eine Verknüpfung aufgehoben, kann der Benutzer das Konto erneut verknüpfen.
chats_admin_since = Verknüpft
