# Textes que le bot écrit dans une messagerie. Elle affiche Markdown : le texte entre accents graves est du code.
bot_help = J’appelle des outils pour vous, avec vos propres droits :
bot_help_tools = `tools` énumère les outils que vous pouvez appeler, `tools MOT` ceux dont le nom contient un mot
bot_help_call = `call NOM nom=valeur …` en appelle un ; une valeur avec des espaces s’écrit `nom="deux mots"`
bot_help_connect = `connect` montre les services que vous n’avez pas encore connectés
bot_help_whoami = `whoami` indique en tant que qui vous agissez ici
bot_help_ask = tout le reste est une question, à laquelle je réponds avec les outils que vous pouvez utiliser
bot_unknown = Je ne connais pas cette commande.
bot_unavailable = Désolé, ce n’est pas possible pour le moment. Réessayez dans quelques minutes.
bot_busy = Trop de vos messages sont en cours de traitement. Attendez les réponses.
bot_working = En cours …
bot_interrupted = Désolé, j’ai été interrompu avant de pouvoir répondre. Je ne sais pas si c’est fait ; veuillez vérifier, et reposez la question si ce n’est pas le cas.
bot_answered_directly = Je vous ai répondu par un message direct.
bot_unlinked = Je ne sais pas encore en tant que qui vous agissez. Ouvrez { $link } dans les { $minutes } minutes et confirmez que ce compte Mattermost est le vôtre ; puis répétez votre message.
bot_denied = Désolé, vous ne pouvez pas utiliser ce bot. Il faut l’autorisation `mattermost:access` ; demandez-la à un administrateur.
bot_off = Les outils sont désactivés ici pour le moment.
bot_whoami = Vous agissez en tant que { $user }, rôles : { $roles }, scopes : { $scopes }.
bot_whoami_without_roles = Vous agissez en tant que { $user }, rôles : aucun, scopes : { $scopes }.
bot_all_connected = Tout est connecté.
bot_not_connected = Pas encore connecté : { $services }
bot_tools_none = Aucun outil que vous pouvez appeler n’a ces mots dans son nom.
bot_tools_more = { $count } autres ne sont pas affichés ; `tools MOT` montre ceux qui contiennent un mot.
bot_tool_reads = { $name } : { $title }
bot_tool_changes = { $name } : { $title } (modifie quelque chose)
bot_tool_removes = { $name } : { $title } (supprime ou écrase)
bot_call_name = Écrivez `call NOM nom=valeur …` ; `tools` énumère les noms.
bot_arguments_json = Les arguments commencent comme du JSON et ne sont pas un objet JSON.
bot_arguments_pairs = Écrivez chaque argument sous la forme `nom=valeur`, une valeur avec des espaces sous la forme `nom="deux mots"`.
bot_arguments_twice = Un argument apparaît deux fois.
bot_arguments_many = Au plus { $most } arguments sont lus.
bot_arguments_quote = Un guillemet n’est pas fermé.
bot_argument_list = L’argument { $argument } doit être un tableau JSON, ou des valeurs entre virgules.
bot_argument_whole = L’argument { $argument } doit être un nombre entier.
bot_argument_number = L’argument { $argument } doit être un nombre.
bot_argument_bool = L’argument { $argument } doit être true ou false.
bot_argument_json = L’argument { $argument } doit être du JSON.
bot_cut =
    { $count ->
        [one] ({ $count } autre caractère n’est pas affiché.)
       *[other] ({ $count } autres caractères ne sont pas affichés.)
    }
bot_empty_result = (Le résultat est vide.)
bot_empty_answer = (La réponse est vide.)
bot_source = source
bot_question = Cet appel n’a pas encore été effectué. Le voulez-vous avec exactement ces arguments ?
bot_agent_question = Pour continuer, l’agent veut effectuer cet appel. Il n’a pas encore été effectué. Le voulez-vous avec exactement ces arguments ?
bot_must_confirm = Cet appel doit être confirmé.
bot_do_it = Effectuer
bot_do_not = Ne pas effectuer
bot_press_other = Seul l’utilisateur à l’origine de cet appel peut répondre.
bot_press_expired = Cette question a expiré. Refaites l’appel.
bot_press_again = Cette question a déjà reçu une réponse.
bot_confirmed = { $tool } a été confirmé.
bot_declined = { $tool } a été refusé et n’a pas été appelé.
bot_agent_confirmed = J’ai confirmé l’appel de { $tool }. Continue.
bot_agent_disabled = Désolé, l’agent est désactivé ici.
bot_agent_question_length = Désolé, la question est vide ou trop longue.
bot_agent_busy =
    { $seconds ->
        [one] Désolé, aucune réponse ne peut être préparée maintenant. Réessayez dans { $seconds } seconde.
       *[other] Désolé, aucune réponse ne peut être préparée maintenant. Réessayez dans { $seconds } secondes.
    }
bot_agent_spent = Désolé, vous avez utilisé tous les jetons du modèle auxquels vous avez droit en un jour. Ils seront de nouveau disponibles à minuit (UTC).
bot_agent_late =
    { $seconds ->
        [one] Désolé, il n’y a pas eu de réponse en { $seconds } seconde.
       *[other] Désolé, il n’y a pas eu de réponse en { $seconds } secondes.
    }
bot_agent_endless =
    { $rounds ->
        [one] Désolé, le modèle n’est parvenu à aucune réponse en { $rounds } tour.
       *[other] Désolé, le modèle n’est parvenu à aucune réponse en { $rounds } tours.
    }
bot_agent_no_pass = Désolé, l’agent ne peut pas être interrogé ici. Posez la question dans un client MCP.
bot_agent_model = Désolé, le point de terminaison du modèle n’est pas utilisable pour le moment. Réessayez plus tard.
