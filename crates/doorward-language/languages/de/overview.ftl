# Übersicht für Administratoren.
overview_works = Status
overview_happens = Tool-Aufrufe
overview_waits = Zu erledigen
overview_nothing = Es gibt nichts zu erledigen.
overview_attention = Achtung
overview_steps = Erste Schritte
overview_done = erledigt
overview_open = offen
overview_step_service = Dienst hinzufügen
overview_step_client = Client verbinden
overview_step_provider = Identitätsanbieter hinzufügen
overview_step_factor = Zweiten Faktor für Ihr Konto einrichten
overview_step_backup = Sicherung mit doorward backup erstellen
overview_tools =
    { $count ->
        [one] { $count } Tool zu prüfen
       *[other] { $count } Tools zu prüfen
    }
overview_clients =
    { $count ->
        [one] { $count } Client zu genehmigen
       *[other] { $count } Clients zu genehmigen
    }
overview_failing = { $name } antwortet nicht
overview_without_factor =
    { $count ->
        [one] { $count } Benutzer mit Passwort und ohne zweiten Faktor
       *[other] { $count } Benutzer mit Passwort und ohne zweiten Faktor
    }
