# Import von Benutzern aus einer Tabelle.
import_title = Benutzer importieren
import_table = Tabelle
import_explained = Benutzer, die es noch nicht gibt, werden hinzugefügt; andere erhalten die Werte der nicht leeren Felder und werden Mitglieder der Gruppen. Sie sehen vorher, was geschehen würde; eine Zeile, die sich nicht importieren lässt, verhindert den Import der ganzen Tabelle.
import_csv = Tabelle als CSV
import_hint = Die erste Zeile nennt die Spalten: <code>{ $columns }</code>. Rollen und Gruppen werden durch Leerzeichen getrennt. Längere Tabellen importieren Sie mit dem Befehl oder über die API.
import_provider = Neue Benutzer melden sich an mit
import_no_provider = Später für jeden Benutzer entscheiden
import_look = Zeigen, was geschehen würde
import_plan = Vorschau
import_summary = { $added } hinzugefügt · { $changed } geändert · { $same } unverändert · { $refused } nicht möglich
import_line = Zeile
import_effect = Wirkung
import_details = Einzelheiten
import_add = Hinzugefügt
import_change = Geändert
import_same = Unverändert
import_refused = Nicht möglich
import_button = Importieren
import_done =
    { $count ->
        [one] { $count } Benutzer wurde importiert.
       *[other] { $count } Benutzer wurden importiert.
    }
import_link = Importieren
