# Usage.
usage_title = Usage
usage_period = Period
usage_period_day = 24 hours
usage_period_week = 7 days
usage_period_month = 30 days
usage_period_quarter = 90 days
usage_without_names = Users are numbered instead of named. Users with the role auditor see names.
usage_calls_title = Tool calls
usage_total =
    { $calls ->
        [one] { $calls } call: { $refused } refused, { $failed } failed. Half of the calls took at most { $half }, 95 % at most { $most }.
       *[other] { $calls } calls: { $refused } refused, { $failed } failed. Half of the calls took at most { $half }, 95 % at most { $most }.
    }
usage_none = No calls in this period.
usage_bar = { $from }: { $ok } succeeded, { $refused } refused, { $failed } failed
usage_most = Highest bar: { $calls } calls.
usage_numbers = Values as a table
usage_from = From
usage_top_tools = Tools
usage_top_services = Services
usage_top_users = Users
usage_top_clients = Clients
usage_service = Service
usage_calls = Calls
usage_errors = Errors
usage_p50 = p50
usage_p95 = p95
usage_data = Data
usage_others = others
usage_built_in = built-in tools
usage_tokens = personal access tokens
usage_user_number = User { $number }
usage_all_calls = all
usage_milliseconds = { $number } ms
usage_seconds = { $number } s
usage_bytes = { $number } B
usage_kilobytes = { $number } kB
usage_megabytes = { $number } MB
usage_heat = Calls by weekday and hour
usage_day = Day
usage_utc = Hours are in UTC.
usage_monday = Monday
usage_tuesday = Tuesday
usage_wednesday = Wednesday
usage_thursday = Thursday
usage_friday = Friday
usage_saturday = Saturday
usage_sunday = Sunday
usage_unused = Approved tools without calls
usage_all_used = Every approved tool was called.
usage_more =
    { $count ->
        [one] { $count } more; the API and the command list it.
       *[other] { $count } more; the API and the command list all.
    }
usage_unconnected = Users who have not connected
usage_unconnected_count =
    { $count ->
        [one] { $count } user has neither a client nor a personal access token.
       *[other] { $count } users have neither a client nor a personal access token.
    }
