# Nutzung.
usage_title = Nutzung
usage_period = Zeitraum
usage_period_day = 24 Stunden
usage_period_week = 7 Tage
usage_period_month = 30 Tage
usage_period_quarter = 90 Tage
usage_without_names = Benutzer sind nummeriert statt benannt. Benutzer mit der Rolle auditor sehen Namen.
usage_calls_title = Tool-Aufrufe
usage_total =
    { $calls ->
        [one] { $calls } Aufruf: { $refused } abgelehnt, { $failed } fehlgeschlagen. Die Hälfte der Aufrufe dauerte höchstens { $half }, 95 % höchstens { $most }.
       *[other] { $calls } Aufrufe: { $refused } abgelehnt, { $failed } fehlgeschlagen. Die Hälfte der Aufrufe dauerte höchstens { $half }, 95 % höchstens { $most }.
    }
usage_none = Keine Aufrufe in diesem Zeitraum.
usage_bar = { $from }: { $ok } erfolgreich, { $refused } abgelehnt, { $failed } fehlgeschlagen
usage_most = Höchster Balken: { $calls } Aufrufe.
usage_numbers = Werte als Tabelle
usage_from = Ab
usage_top_tools = Tools
usage_top_services = Dienste
usage_top_users = Benutzer
usage_top_clients = Clients
usage_service = Dienst
usage_calls = Aufrufe
usage_errors = Fehler
usage_p50 = p50
usage_p95 = p95
usage_data = Daten
usage_others = übrige
usage_built_in = eingebaute Tools
usage_tokens = persönliche Zugriffstoken
usage_user_number = Benutzer { $number }
usage_all_calls = alle
usage_milliseconds = { $number } ms
usage_seconds = { $number } s
usage_bytes = { $number } B
usage_kilobytes = { $number } kB
usage_megabytes = { $number } MB
usage_heat = Aufrufe nach Wochentag und Stunde
usage_day = Tag
usage_utc = Stunden in UTC.
usage_monday = Montag
usage_tuesday = Dienstag
usage_wednesday = Mittwoch
usage_thursday = Donnerstag
usage_friday = Freitag
usage_saturday = Samstag
usage_sunday = Sonntag
usage_unused = Genehmigte Tools ohne Aufrufe
usage_all_used = Jedes genehmigte Tool wurde aufgerufen.
usage_more =
    { $count ->
        [one] { $count } weiteres; API und Befehl nennen es.
       *[other] { $count } weitere; API und Befehl nennen alle.
    }
usage_unconnected = Benutzer ohne Verbindung
usage_unconnected_count =
    { $count ->
        [one] { $count } Benutzer hat weder einen Client noch ein persönliches Zugriffstoken.
       *[other] { $count } Benutzer haben weder einen Client noch ein persönliches Zugriffstoken.
    }
