# The page for the code of a device.
device_title = Gerät verbinden
device_enter = Geben Sie den Code ein, den das Gerät anzeigt.
device_code = Code
device_question = Darf <strong><bdi>{ $client }</bdi></strong> auf einem anderen Gerät in Ihrem Namen handeln?
device_warning = <strong>Fahren Sie nur fort, wenn Sie dies selbst gestartet haben und das Gerät vor Ihnen diesen Code anzeigt.</strong> Wenn Ihnen der Code oder ein Link geschickt wurde, lehnen Sie ab: Der Absender erhielte Zugriff auf Ihr Konto.
device_address = IP-Adresse des Geräts
device_program = Programm
device_since = Angefragt
device_unknown = Dieser Code ist unbekannt oder abgelaufen. Prüfen Sie ihn, oder beginnen Sie auf dem Gerät von vorn.
device_wait = Zu viele falsche Codes. Versuchen Sie es in { $seconds } Sekunden erneut.
device_decided = Über diese Anfrage wurde bereits entschieden, oder sie ist abgelaufen.
device_allowed = { $client } hat jetzt Zugriff. Sie können diese Seite schließen und auf dem Gerät fortfahren.
device_denied = Sie haben dem Gerät den Zugriff verweigert. Sie können diese Seite schließen.
