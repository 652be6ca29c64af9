# Faults of what a user typed or chose, as parts of a sentence.
input_name = ein Name besteht aus 1 bis 64 Buchstaben, Ziffern, „.“, „_“, „-“ oder „@“
input_name_taken = der Name { $name } ist bereits vergeben
input_password_short = wählen Sie ein Passwort mit mindestens { $length } Zeichen
input_password_long = ein Passwort hat höchstens { $length } Byte
input_password_wrong = das aktuelle Passwort ist falsch
input_wait =
    { $seconds ->
        [one] zu viele Fehlversuche; versuchen Sie es in { $seconds } Sekunde erneut
       *[other] zu viele Fehlversuche; versuchen Sie es in { $seconds } Sekunden erneut
    }
input_email = { $email } ist keine E-Mail-Adresse
input_unknown_user = es gibt keinen Benutzer { $user }
input_last_administrator = { $user } ist der letzte Administrator; machen Sie zuerst einen anderen Benutzer zum Administrator
input_role_named = { $role }: eine Rolle besteht aus 1 bis 32 Kleinbuchstaben, Ziffern, „_“ oder „-“
input_user_changed = der Benutzer wurde geändert, seit Sie diese Seite geöffnet haben; prüfen Sie den aktuellen Stand und entscheiden Sie erneut
input_link = der Link wurde bereits verwendet oder ist abgelaufen
input_database = die Datenbank antwortet nicht; versuchen Sie es gleich noch einmal
input_busy = es werden gerade zu viele Passwörter geprüft; versuchen Sie es in einigen Sekunden erneut
input_token_name = ein Token braucht einen Namen mit höchstens { $length } Zeichen
input_token_days = ein Token ist 1 bis { $days } Tage gültig
input_token_scope = wählen Sie mindestens eine Berechtigung
input_token_too_much = { $scope } ist mehr, als dieses Konto derzeit erteilen darf; möglicherweise ist ein zweiter Faktor erforderlich
input_token_too_many = es gibt bereits { $count } Token; widerrufen Sie zuerst einige
input_token_unknown = das Token existiert nicht oder ist nicht aktiv
input_account_ended = der Zugriff über den Identitätsanbieter ist beendet; melden Sie sich zuerst dort an
input_tokens_off = persönliche Zugriffstoken sind auf diesem Server deaktiviert

# Faults of forms that no page sends.
input_form = das Formular ist unvollständig ({ $field })
input_form_malformed = sie ist fehlerhaft aufgebaut ({ $detail })
input_day = { $day } ist kein Datum; schreiben Sie es wie 2026-11-21
input_no_format = sie nennt kein bekanntes Format
