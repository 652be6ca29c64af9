# Werkzeugsammlungen: die Liste, die Seite einer Sammlung und die Liste auf der Seite zum Verbinden von Clients.
toolsets_title = Werkzeugsammlungen
toolsets_add = Werkzeugsammlung hinzufügen
toolsets_explained = Eine Werkzeugsammlung ist eine Auswahl von Werkzeugen mehrerer Dienste unter einer eigenen URL. Ein Client, der mit dieser URL verbunden ist, sieht und benutzt nichts anderes. Rollen und Regeln gelten wie überall.
toolsets_none = Es gibt noch keine Werkzeugsammlungen.
toolsets_search = Name oder Zweck
toolsets_display_name = Anzeigename
toolsets_name_hint = Kleinbuchstaben, Ziffern und -. Der Name ist Teil der URL und ändert sich nie.
toolsets_purpose = Zweck
toolsets_purpose_hint = Benutzer lesen ihn, wenn sie einen Client verbinden, und Clients geben ihn an ihre Modelle weiter.
toolsets_selection = Auswahl
toolsets_selection_hint = Eine Zeile für jeden Teil, mit Bedingungen wie in Regeln: <code>upstream=wiki tool=search_*</code>, <code>upstream=tickets class=read</code>, <code>upstream=files kind=resource</code>. Jede Zeile nennt einen Upstream.
toolsets_roles = Rollen, die sie verwenden dürfen (keine: alle Benutzer)
toolsets_roles_hint = Durch Leerzeichen getrennt. Eine Gruppe schreiben Sie als <code>group:NAME</code>.
toolsets_url = URL für Clients
toolsets_url_hint = Ein Token für diese URL wird unter keiner anderen akzeptiert.
toolsets_lines = Zeilen der Auswahl
toolsets_line = Zeile
toolsets_selects = Wählt zurzeit
toolsets_line_tools =
    { $count ->
        [0] kein Werkzeug
        [one] { $count } Werkzeug
       *[other] { $count } Werkzeuge
    }
toolsets_line_unknown = Prompts oder Ressourcen
toolsets_tools = Ausgewählte Werkzeuge
toolsets_no_tools = Zurzeit passt kein Werkzeug zur Auswahl.
toolsets_saved = Die Werkzeugsammlung wurde geändert.
toolsets_delete_question =
    { $count ->
        [one] Diese Werkzeugsammlung löschen?
       *[other] { $count } Werkzeugsammlungen löschen?
    }
toolsets_delete_effect = Verbundene Clients verlieren sofort ihren Zugriff, auch wenn später eine Werkzeugsammlung mit demselben Namen hinzugefügt wird.
toolsets_were_deleted =
    { $count ->
        [one] { $count } Werkzeugsammlung wurde gelöscht.
       *[other] { $count } Werkzeugsammlungen wurden gelöscht.
    }
toolsets_connect = Ein Client für einen bestimmten Zweck
toolsets_connect_explained = Jede dieser URLs bietet eine Auswahl der Werkzeuge.
toolsets_connect_here = Schritte für diese URL
toolsets_connect_all = Alle Werkzeuge
