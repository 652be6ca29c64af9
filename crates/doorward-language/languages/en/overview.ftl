# Overview of administrators.
overview_works = Status
overview_happens = Tool calls
overview_waits = Needs attention
overview_nothing = Nothing needs attention.
overview_attention = attention
overview_steps = First steps
overview_done = done
overview_open = open
overview_step_service = Add a service
overview_step_client = Connect a client
overview_step_provider = Add an identity provider
overview_step_factor = Set up a second factor for your account
overview_step_backup = Create a backup with doorward backup
overview_tools =
    { $count ->
        [one] { $count } tool to review
       *[other] { $count } tools to review
    }
overview_clients =
    { $count ->
        [one] { $count } client to approve
       *[other] { $count } clients to approve
    }
overview_failing = { $name } does not respond
overview_without_factor =
    { $count ->
        [one] { $count } user with a password and without a second factor
       *[other] { $count } users with a password and without a second factor
    }
