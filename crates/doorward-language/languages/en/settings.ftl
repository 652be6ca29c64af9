# The form of the settings of upstreams and identity providers.
settings_add_upstream = Add an upstream
settings_of = Settings of { $name }
settings_edit = Change settings
settings_basics = Basics
settings_sign_in = Who can sign in
settings_offer = Tools and access
settings_authorization = Authorization request and endpoints
settings_claims = Claims
settings_limits = Limits, times and networks
settings_change = Change
settings_nothing = Nothing changes.
settings_ends_access = Connected users lose access and must connect again.
settings_apply = Apply the change
settings_show = Show the change
settings_name = Short name
settings_secret_held = A value is set; leave this empty to keep it.
settings_lines = One value per line.
