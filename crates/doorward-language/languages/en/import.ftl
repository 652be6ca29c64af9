# Import of users from a table.
import_title = Import users
import_table = Table
import_explained = Users who do not exist are added; existing users get the values of the fields that are not empty, and become members of the groups. You see what would happen before anything is changed; one line that cannot be imported prevents the import of the whole table.
import_csv = Table as CSV
import_hint = The first line names the columns: <code>{ $columns }</code>. Roles and groups are separated by spaces. Longer tables are imported by command or by the API.
import_provider = New users sign in with
import_no_provider = Decide later, user by user
import_look = Show what would happen
import_plan = Preview
import_summary = { $added } added · { $changed } changed · { $same } unchanged · { $refused } not possible
import_line = Line
import_effect = Effect
import_details = Details
import_add = Added
import_change = Changed
import_same = Unchanged
import_refused = Not possible
import_button = Import
import_done =
    { $count ->
        [one] { $count } user was imported.
       *[other] { $count } users were imported.
    }
import_link = Import
