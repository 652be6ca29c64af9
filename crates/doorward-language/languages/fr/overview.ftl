# Vue d’ensemble des administrateurs.
overview_works = État
overview_happens = Appels d’outils
overview_waits = À traiter
overview_nothing = Rien à traiter.
overview_attention = attention
overview_steps = Premiers pas
overview_done = fait
overview_open = à faire
overview_step_service = Ajouter un service
overview_step_client = Connecter un client
overview_step_provider = Ajouter un fournisseur d’identité
overview_step_factor = Configurer un second facteur pour votre compte
overview_step_backup = Créer une sauvegarde avec doorward backup
overview_tools =
    { $count ->
        [one] { $count } outil à examiner
       *[other] { $count } outils à examiner
    }
overview_clients =
    { $count ->
        [one] { $count } client à approuver
       *[other] { $count } clients à approuver
    }
overview_failing = { $name } ne répond pas
overview_without_factor =
    { $count ->
        [one] { $count } utilisateur avec mot de passe et sans second facteur
       *[other] { $count } utilisateurs avec mot de passe et sans second facteur
    }
