# Gruppen von Benutzern: die Liste, die Seite einer Gruppe und die Mitgliedschaften eines Benutzers.
groups_title = Gruppen
groups_group = Gruppe
groups_add = Gruppe hinzufügen
groups_explained = Die Mitglieder einer Gruppe haben deren Rollen. Regeln nennen die Gruppe selbst als group:NAME.
groups_none = Es wurde keine Gruppe hinzugefügt.
groups_search = Name, Zweck oder Rolle
groups_description = Zweck
groups_name_hint = Kleinbuchstaben, Ziffern, - und _. Der Name ändert sich nie, weil Regeln ihn nennen.
groups_roles = Rollen
groups_roles_list = Rollen der Mitglieder, durch Leerzeichen getrennt
groups_roles_hint = Eine Änderung gilt ab dem nächsten Aufruf jedes Mitglieds.
groups_members = Mitglieder
groups_no_members = Die Gruppe hat keine Mitglieder.
groups_source = Herkunft
groups_by_administrator = Ein Administrator
groups_by_rule = Eine Regel eines Identitätsanbieters
groups_remove = Entfernen
groups_all_members = Alle Mitglieder in der Benutzerliste
groups_add_members = Mitglieder hinzufügen
groups_add_selected = Zur Gruppe hinzufügen
groups_users = Anmeldenamen
groups_users_hint = Durch Leerzeichen oder Zeilen getrennt. Eine Regel eines Identitätsanbieters, die auf -> group:{ $name } endet, fügt Mitglieder bei der Anmeldung hinzu.
groups_saved = Die Gruppe wurde geändert.
groups_members_added =
    { $count ->
        [0] Alle waren bereits Mitglieder.
        [one] { $count } Mitglied wurde hinzugefügt.
       *[other] { $count } Mitglieder wurden hinzugefügt.
    }
groups_members_removed =
    { $count ->
        [one] { $count } Mitglied wurde entfernt.
       *[other] { $count } Mitglieder wurden entfernt.
    }
groups_delete_question =
    { $count ->
        [one] Diese Gruppe löschen?
       *[other] { $count } Gruppen löschen?
    }
groups_delete_effect = Die Mitglieder verlieren die Rollen, die sie durch diese Gruppen haben. Regeln, die sie nennen, gelten für keinen Benutzer mehr.
groups_were_deleted =
    { $count ->
        [one] { $count } Gruppe wurde gelöscht.
       *[other] { $count } Gruppen wurden gelöscht.
    }
groups_of_user = Rollen und Gruppen
groups_no_roles = Der Benutzer hat keine Rollen.
groups_role_by_administrator = durch einen Administrator
groups_role_by_provider = durch eine Regel von { $provider }
groups_role_by_group = durch die Gruppe { $group }
