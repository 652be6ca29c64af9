# Explanations of the policy.
policy_allow = autorisé
policy_confirm = autorisé avec confirmation
policy_deny = refusé
policy_needs_approval = à approuver
policy_not_offered = non proposé
policy_yes = oui
policy_no = non
policy_enabled = { $upstream } est activé : { $answer }
policy_offered = include et exclude de { $upstream } proposent { $tool } : { $answer }
policy_definition = état de sa définition : { $state }
policy_setting = upstreams.{ $upstream }.{ $setting } est activé : { $answer }
policy_approval = état de { $entry } : { $state }
policy_upstream_roles = upstreams.{ $upstream }.roles admettent cet utilisateur : { $answer }
policy_client = client : { $client } ({ $source })
policy_client_unknown = inconnu sur ce serveur ; les règles nomment les clients par ID
policy_client_registered = enregistré dynamiquement : son nom n’est pas vérifié
policy_class = classe : { $class }
policy_toolset_field = Ensemble d’outils (vide : tous les outils)
policy_toolset = l’ensemble d’outils { $toolset } le contient pour cet utilisateur : { $answer }
policy_roles = rôles de { $user } ({ $id }) : { $roles }
policy_no_roles = { $user } ({ $id }) n’a aucun rôle
policy_tool_roles = access.tool_roles autorisent cet utilisateur à utiliser { $item } : { $answer }
policy_scope_roles = access.scope_roles accordent à cet utilisateur le scope { $scope } : { $answer }
policy_closed = une règle refuse tout le serveur amont : { $answer }
policy_rule = politique : { $effect } par la règle { $number } : { $rule }
policy_default = politique : { $effect } par policy.default, car aucune règle ne correspond
policy_token_scope = le jeton du client a besoin du scope { $scope }

# La page de la politique.
policy_rules_title = Règles
policy_locked = définies dans le fichier de configuration
policy_locked_explained = La première règle qui correspond décide. Modifiez les règles dans le fichier de configuration, sous <code>[policy]</code>, et appliquez-les avec <code>doorward reload</code>.
policy_number = N°
policy_effect = Effet
policy_rule_text = Règle
policy_hits = Appels en 30 jours
policy_without_rule = Aucune règle ne correspond (policy.default)
policy_try = Essayer d’autres règles
policy_try_explained = Montre comment ces règles auraient décidé des appels des 30 derniers jours. Rien n’est modifié.
policy_try_rules = Règles, une par ligne
policy_try_default = Effet lorsqu’aucune règle ne correspond
policy_try_button = Essayer
policy_trial_calls =
    { $calls ->
        [one] { $calls } appel a été évalué.
       *[other] { $calls } appels ont été évalués.
    }
policy_trial_partial = Seuls les appels les plus récents ont été examinés.
policy_trial_refused = Auraient été refusés : { $calls } appels de { $users } utilisateurs
policy_trial_confirmed = Auraient exigé une confirmation : { $calls } appels de { $users } utilisateurs
policy_trial_opened = N’auraient plus été refusés : { $calls } appels de { $users } utilisateurs
policy_first_decides = La première règle qui correspond décide.
policy_change = Modifier les règles
policy_change_explained = Essayer montre comment ces règles auraient décidé des appels des 30 derniers jours. Enregistrer les applique sur tous les serveurs en une seconde.
policy_save = Enregistrer
policy_saved = La version { $version } a été enregistrée et s’applique.
policy_versions = Versions
policy_version = Version { $version }
policy_versions_none = Aucune version n’a encore été enregistrée.
policy_saved_at = Enregistrée
policy_author = Enregistrée par
policy_in_effect = en vigueur
policy_restores = rétablit la version { $version }
policy_compared = Comparaison avec les règles en vigueur : + seulement dans cette version, − seulement dans les règles en vigueur.
policy_roll_back = Rétablir cette version
