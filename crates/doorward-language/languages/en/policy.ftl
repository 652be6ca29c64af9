# Explanations of the policy.
policy_allow = allowed
policy_confirm = allowed with confirmation
policy_deny = denied
policy_needs_approval = needs approval
policy_not_offered = not offered
policy_yes = yes
policy_no = no
policy_enabled = { $upstream } is enabled: { $answer }
policy_offered = include and exclude of { $upstream } offer { $tool }: { $answer }
policy_definition = state of its definition: { $state }
policy_setting = upstreams.{ $upstream }.{ $setting } is enabled: { $answer }
policy_approval = state of { $entry }: { $state }
policy_upstream_roles = upstreams.{ $upstream }.roles allow this user: { $answer }
policy_client = client: { $client } ({ $source })
policy_client_unknown = unknown on this server; rules name clients by ID
policy_client_registered = registered dynamically: its name is not verified
policy_class = class: { $class }
policy_toolset_field = Toolset (empty: all tools)
policy_toolset = the toolset { $toolset } has it for this user: { $answer }
policy_roles = roles of { $user } ({ $id }): { $roles }
policy_no_roles = { $user } ({ $id }) has no roles
policy_tool_roles = access.tool_roles allow this user to use { $item }: { $answer }
policy_scope_roles = access.scope_roles allow this user the scope { $scope }: { $answer }
policy_closed = a rule denies the upstream as a whole: { $answer }
policy_rule = policy: { $effect } by rule { $number }: { $rule }
policy_default = policy: { $effect } by policy.default, because no rule matches
policy_token_scope = the client’s token needs the scope { $scope }

# The page of the policy.
policy_rules_title = Rules
policy_locked = set in the configuration file
policy_locked_explained = The first matching rule decides. Change the rules in the configuration file, under <code>[policy]</code>, and put them in effect with <code>doorward reload</code>.
policy_number = No.
policy_effect = Effect
policy_rule_text = Rule
policy_hits = Calls in 30 days
policy_without_rule = No rule matches (policy.default)
policy_try = Try other rules
policy_try_explained = Shows how these rules would have decided about the calls of the last 30 days. Nothing is changed.
policy_try_rules = Rules, one per line
policy_try_default = Effect when no rule matches
policy_try_button = Try
policy_trial_calls =
    { $calls ->
        [one] { $calls } call was evaluated.
       *[other] { $calls } calls were evaluated.
    }
policy_trial_partial = Only the newest calls were examined.
policy_trial_refused = Would have been refused: { $calls } calls of { $users } users
policy_trial_confirmed = Would have required confirmation: { $calls } calls of { $users } users
policy_trial_opened = Would no longer have been refused: { $calls } calls of { $users } users
policy_first_decides = The first matching rule decides.
policy_change = Change the rules
policy_change_explained = Try shows how these rules would have decided about the calls of the last 30 days. Save puts them in effect on all servers within a second.
policy_save = Save
policy_saved = Version { $version } was saved and is in effect.
policy_versions = Versions
policy_version = Version { $version }
policy_versions_none = No version was saved yet.
policy_saved_at = Saved
policy_author = Saved by
policy_in_effect = in effect
policy_restores = restores version { $version }
policy_compared = Compared with the rules in effect: + only in this version, − only in the rules in effect.
policy_roll_back = Restore this version
