# Passkeys, authenticator app, recovery codes and linked accounts.
security_title = Anmeldung und Sicherheit
security_sign_in_again = Ihre letzte Anmeldung liegt länger zurück. <a href="{ $url }">Melden Sie sich erneut an</a>, um etwas zu ändern.
security_verify_factor = Sie haben sich ohne Ihren zweiten Faktor angemeldet. <a href="{ $url }">Bestätigen Sie ihn</a>, um etwas zu ändern.
security_passkeys_explained = Fingerabdruck, Gesicht oder Geräte-PIN statt eines Passworts. Ein Passkey gilt als zwei Faktoren.
security_passkey_times = hinzugefügt { $added } · zuletzt verwendet { $used }
security_remove_passkey = Passkey { $name } entfernen
security_passkey_name = Name des neuen Passkeys
security_passkey_example = Mein Laptop
security_add_passkey = Passkey hinzufügen
security_needs_javascript = Zum Hinzufügen eines Passkeys ist JavaScript erforderlich.
security_needs_host_name = Passkeys erfordern einen Hostnamen; dieser Server wurde jedoch unter einer IP-Adresse aufgerufen.
security_authenticator = Authenticator-App
security_authenticator_explained = Nach dem Passwort wird der sechsstellige Code der App abgefragt.
security_set_up_app = Authenticator-App einrichten
security_scan = Scannen Sie diesen QR-Code mit einer App wie Aegis, 2FAS oder Google Authenticator, oder geben Sie den Schlüssel ein.
security_qr_code = QR-Code des folgenden Schlüssels
security_app_code = Sechsstelliger Code der App
security_not_set_up = Nicht eingerichtet.
security_recovery_codes = Wiederherstellungscodes
security_recovery_codes_left =
    { $count ->
        [one] { $count } übrig
       *[other] { $count } übrig
    }
security_recovery_explained = Für den Fall, dass Sie weder Ihre App noch Ihr Gerät zur Hand haben.
security_recovery_needs_factor = Fügen Sie zuerst einen Passkey hinzu, oder richten Sie eine Authenticator-App ein.
security_new_codes = Neue Codes erstellen
security_linked_accounts = Verknüpfte Konten
security_identity_times = { $account } · zuletzt verwendet { $used }
security_unlink = Verknüpfung aufheben
security_unlink_provider = Verknüpfung mit { $provider } aufheben
security_link_provider = { $provider } verknüpfen
security_sign_in_first = Melden Sie sich erneut an, bevor Sie Ihre Anmeldeverfahren ändern.
security_passkey_gone = Dieser Passkey wurde bereits entfernt.
security_last_identity = Sie können sich nur über dieses Konto anmelden. Verknüpfen Sie zuerst ein anderes.

# Reasons for which a second factor is refused.
security_refused_wrong = Dieser Code ist falsch oder wurde bereits verwendet.
security_refused_wait =
    { $seconds ->
        [one] Zu viele Fehlversuche. Versuchen Sie es in { $seconds } Sekunde erneut.
       *[other] Zu viele Fehlversuche. Versuchen Sie es in { $seconds } Sekunden erneut.
    }
security_refused_passkey = Der Passkey wurde nicht akzeptiert. Versuchen Sie es erneut.
security_refused_stale = Diese Seite war zu lange geöffnet oder wurde bereits verwendet. Versuchen Sie es erneut.
security_refused_already = Das ist bereits eingerichtet.
