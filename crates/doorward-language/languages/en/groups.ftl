# Groups of users: the list, the page of one, and the memberships of a user.
groups_title = Groups
groups_group = Group
groups_add = Add a group
groups_explained = The members of a group have its roles. Rules name the group itself as group:NAME.
groups_none = No group was added.
groups_search = Name, purpose or role
groups_description = Purpose
groups_name_hint = Lower-case letters, digits, - and _. The name never changes, because rules name it.
groups_roles = Roles
groups_roles_list = Roles of its members, separated by spaces
groups_roles_hint = A change takes effect at the next call of each member.
groups_members = Members
groups_no_members = The group has no members.
groups_source = Source
groups_by_administrator = An administrator
groups_by_rule = A rule of an identity provider
groups_remove = Remove
groups_all_members = All members in the list of users
groups_add_members = Add members
groups_add_selected = Add to group
groups_users = Sign-in names
groups_users_hint = Separated by spaces or lines. A rule of an identity provider that ends in -> group:{ $name } adds members at sign-in.
groups_saved = The group was changed.
groups_members_added =
    { $count ->
        [0] All of them were already members.
        [one] { $count } member was added.
       *[other] { $count } members were added.
    }
groups_members_removed =
    { $count ->
        [one] { $count } member was removed.
       *[other] { $count } members were removed.
    }
groups_delete_question =
    { $count ->
        [one] Delete this group?
       *[other] Delete { $count } groups?
    }
groups_delete_effect = Their members lose the roles that they have by these groups. Rules that name them no longer apply to any user.
groups_were_deleted =
    { $count ->
        [one] { $count } group was deleted.
       *[other] { $count } groups were deleted.
    }
groups_of_user = Roles and groups
groups_no_roles = The user has no roles.
groups_role_by_administrator = by an administrator
groups_role_by_provider = by a rule of { $provider }
groups_role_by_group = by the group { $group }
