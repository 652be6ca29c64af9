# Utilisation.
usage_title = Utilisation
usage_period = Période
usage_period_day = 24 heures
usage_period_week = 7 jours
usage_period_month = 30 jours
usage_period_quarter = 90 jours
usage_without_names = Les utilisateurs sont numérotés au lieu d’être nommés. Les utilisateurs avec le rôle auditor voient les noms.
usage_calls_title = Appels d’outils
usage_total =
    { $calls ->
        [one] { $calls } appel : { $refused } refusé, { $failed } échoué. La moitié des appels a duré au plus { $half }, 95 % au plus { $most }.
       *[other] { $calls } appels : { $refused } refusés, { $failed } échoués. La moitié des appels a duré au plus { $half }, 95 % au plus { $most }.
    }
usage_none = Aucun appel pendant cette période.
usage_bar = { $from } : { $ok } réussis, { $refused } refusés, { $failed } échoués
usage_most = Barre la plus haute : { $calls } appels.
usage_numbers = Valeurs sous forme de tableau
usage_from = À partir de
usage_top_tools = Outils
usage_top_services = Services
usage_top_users = Utilisateurs
usage_top_clients = Clients
usage_service = Service
usage_calls = Appels
usage_errors = Erreurs
usage_p50 = p50
usage_p95 = p95
usage_data = Données
usage_others = autres
usage_built_in = outils intégrés
usage_tokens = jetons d’accès personnels
usage_user_number = Utilisateur { $number }
usage_all_calls = tous
usage_milliseconds = { $number } ms
usage_seconds = { $number } s
usage_bytes = { $number } o
usage_kilobytes = { $number } ko
usage_megabytes = { $number } Mo
usage_heat = Appels par jour de la semaine et par heure
usage_day = Jour
usage_utc = Heures en UTC.
usage_monday = Lundi
usage_tuesday = Mardi
usage_wednesday = Mercredi
usage_thursday = Jeudi
usage_friday = Vendredi
usage_saturday = Samedi
usage_sunday = Dimanche
usage_unused = Outils approuvés sans appels
usage_all_used = Chaque outil approuvé a été appelé.
usage_more =
    { $count ->
        [one] { $count } de plus ; l’API et la commande le citent.
       *[other] { $count } de plus ; l’API et la commande les citent tous.
    }
usage_unconnected = Utilisateurs sans connexion
usage_unconnected_count =
    { $count ->
        [one] { $count } utilisateur n’a ni client ni jeton d’accès personnel.
       *[other] { $count } utilisateurs n’ont ni client ni jeton d’accès personnel.
    }
