# The page for the code of a device.
device_title = Ein Gerät verbinden
device_enter = Geben Sie den Code ein, den das Gerät anzeigt.
device_code = Code
device_question = Darf <strong><bdi>{ $client }</bdi></strong> auf einem anderen Gerät für Sie handeln?
device_warning = <strong>Fahren Sie nur fort, wenn Sie dies selbst begonnen haben und das Gerät vor Ihnen diesen Code anzeigt.</strong> Wenn Ihnen ein anderer Benutzer den Code oder einen Link geschickt hat, lehnen Sie ab: Er bekäme Zugriff auf Ihr Konto.
device_address = IP-Adresse des Geräts
device_program = Programm
device_since = Angefragt
device_unknown = Dieser Code ist unbekannt oder abgelaufen. Prüfen Sie ihn, oder beginnen Sie auf dem Gerät erneut.
device_wait = Zu viele Codes waren falsch. Versuchen Sie es in { $seconds } Sekunden erneut.
device_decided = Über diese Anfrage wurde bereits entschieden, oder sie ist abgelaufen.
device_allowed = { $client } hat jetzt Zugriff. Sie können diese Seite schließen und auf dem Gerät fortfahren.
device_denied = Das Gerät wurde abgelehnt. Sie können diese Seite schließen.
