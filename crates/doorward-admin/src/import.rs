//! Import of users from a table in CSV: first the list of what would happen, then all of it or
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use doorward_accounts::{Authority, NewAccount, UserError, checked_email};
use doorward_federation::Provider;
use doorward_model::{
    AuditSubject, Change, GroupChange, GroupName, Role, UnitOfWork, User, UserName,
    csv::{self, CsvLimits, CsvRow},
    foreign,
    id::etag,
};
use doorward_store::{Condition, StoreError};
use serde_json::{Value, json};

use crate::{
    Effect, Groups, Invitations, Refusal, SettingDifference, edit::different_parts,
    groups::group_name, users::roles,
};

/// The limits of a table of users.
pub const IMPORT_LIMITS: CsvLimits =
    CsvLimits { bytes: 200 * 1024, rows: 1000, columns: 5, field: 1000 };
/// The columns that a table may have; the first is needed.
pub const IMPORT_COLUMNS: [&str; 5] = ["name", "email", "display_name", "roles", "groups"];

/// A table of users to be imported.
#[derive(Clone, Copy, Debug)]
pub struct UserTable<'a> {
    /// The table.
    pub csv: &'a str,
    /// The name of the identity provider through which new users sign in: each is invited with
    /// their e-mail address. No mails are sent.
    pub provider: Option<&'a str>,
    /// The etag of the list that was read. If another one would result, nothing is imported.
    pub seen: Option<&'a str>,
    /// The effect.
    pub effect: Effect,
}

/// The meaning of a line for the users there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEffect {
    /// A user is added.
    Add,
    /// A user is changed.
    Change,
    /// The user is already as the line says.
    Same,
}

impl LineEffect {
    /// Its name in the API and in the output of commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Same => "same",
        }
    }
}

/// A line of the table.
#[derive(Debug)]
pub struct ImportedLine {
    /// Its number, from 1.
    pub line: usize,
    /// The sign-in name that it has.
    pub name: String,
    /// The effect with the parts that change, or the reason why there is none.
    pub result: Result<(LineEffect, Vec<SettingDifference>), Refusal>,
}

/// The list of what an import does, or would do.
#[derive(Debug)]
pub struct Imported {
    /// The lines.
    pub lines: Vec<ImportedLine>,
    /// Names this list, to put exactly it in effect.
    pub etag: String,
    /// It is in effect.
    pub applied: bool,
}

impl Imported {
    /// The number of lines with this effect.
    pub fn count(&self, effect: LineEffect) -> usize {
        let is = |line: &&ImportedLine| line.result.as_ref().is_ok_and(|(one, _)| *one == effect);
        self.lines.iter().filter(is).count()
    }

    /// The number of lines that cannot be imported.
    pub fn refused(&self) -> usize {
        self.lines.iter().filter(|line| line.result.is_err()).count()
    }
}

/// The fields of a line by column. An empty field says nothing.
struct Fields<'a> {
    columns: &'a [String],
    row: &'a CsvRow,
}

impl<'a> Fields<'a> {
    fn get(&self, column: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.row.fields.get(at).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn words(&self, column: &str) -> Option<Vec<String>> {
        let separators = |letter: char| letter.is_whitespace() || letter == ',' || letter == ';';
        self.get(column).map(|text| {
            text.split(separators).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
        })
    }
}

/// The changes that lines make, in the order in which they are applied.
#[derive(Default)]
struct Plan {
    users: Vec<Change>,
    joins: Vec<GroupChange>,
    /// The groups with new members.
    groups: BTreeSet<GroupName>,
    /// An administrator loses the role.
    loses_administrator: bool,
}

/// Work on one table.
struct Import<'a> {
    invitations: &'a Invitations,
    authority: &'a Authority,
    provider: Option<Arc<Provider>>,
    /// The names of groups there are.
    known: BTreeSet<String>,
    /// The names of earlier lines.
    taken: BTreeMap<String, usize>,
    plan: Plan,
}

/// The names of the columns: known ones, each once, with the name of the user.
fn columns(head: Option<&CsvRow>) -> Result<Vec<String>, Refusal> {
    let columns: Vec<String> =
        head.into_iter().flat_map(|row| &row.fields).map(|name| name.to_lowercase()).collect();
    let mut seen = BTreeSet::new();
    let wrong = columns
        .iter()
        .find(|name| !IMPORT_COLUMNS.contains(&name.as_str()) || !seen.insert(name.as_str()));
    if let Some(name) = wrong {
        return Err(Refusal::ImportColumn(name.clone()));
    }
    if !columns.iter().any(|name| name == "name") {
        return Err(Refusal::ImportWithoutNames);
    }
    Ok(columns)
}

/// The parts of a user that a table says, with their groups.
fn facts(user: Option<&User>, groups: &BTreeSet<String>) -> Value {
    let Some(user) = user else { return json!({}) };
    let mut roles: Vec<_> = user.roles.iter().map(Role::as_str).collect();
    roles.sort_unstable();
    json!({
        "email": user.email, "display_name": user.display_name, "roles": roles, "groups": groups,
    })
}

/// The cells of a line that describe a user; `None` for a column that the table does not have.
struct Cells {
    email: Option<String>,
    /// The display name.
    shown: Option<String>,
    /// The roles.
    given: Option<Vec<Role>>,
}

impl Import<'_> {
    /// Plans a line.
    async fn line(
        &mut self,
        fields: &Fields<'_>,
    ) -> Result<(LineEffect, Vec<SettingDifference>), Refusal> {
        let name = fields.get("name").unwrap_or_default();
        let name = UserName::parse(name).map_err(|error| Refusal::User(UserError::Name(error)))?;
        if let Some(line) = self.taken.insert(name.to_string(), fields.row.line) {
            return Err(Refusal::ImportedTwice(name.to_string(), line));
        }
        let email = fields.get("email").map(checked_email).transpose()?;
        let shown = fields.get("display_name").map(|text| foreign::line(text, 100).into_owned());
        let given = fields.words("roles").map(|words| roles(&words)).transpose()?;
        let mut wanted = BTreeSet::new();
        for name in fields.words("groups").unwrap_or_default() {
            let group = group_name(&name)?;
            if !self.known.contains(group.as_str()) {
                return Err(Refusal::missing(AuditSubject::Group, name));
            }
            wanted.insert(group);
        }
        match self.invitations.users.store.user_named(&name).await? {
            Some(user) => self.change(&user, Cells { email, shown, given }, &wanted).await,
            None => self.add(name, Cells { email, shown, given }, &wanted).await,
        }
    }

    /// Plans a new user.
    async fn add(
        &mut self,
        name: UserName,
        Cells { email, shown, given }: Cells,
        wanted: &BTreeSet<GroupName>,
    ) -> Result<(LineEffect, Vec<SettingDifference>), Refusal> {
        let new = NewAccount {
            name: name.to_string(),
            email,
            password: None,
            password_temporary: false,
            roles: given.unwrap_or_default(),
        };
        let mut user = self.invitations.users.accounts.prepare(self.authority, new).await?;
        user.display_name = shown;
        let invitation = match &self.provider {
            None => None,
            Some(provider) => {
                let email = user.email.as_deref().ok_or(Refusal::EmailNeeded)?;
                Some(self.invitations.federation.invitation(provider, email, &user.id))
            }
        };
        let groups = wanted.iter().map(ToString::to_string).collect();
        let differences = different_parts(&facts(None, &groups), &facts(Some(&user), &groups));
        self.join(&user, wanted.iter());
        self.plan.users.push(Change::InsertUser(user));
        self.plan.users.extend(invitation);
        Ok((LineEffect::Add, differences))
    }

    /// Plans the change of a user. Groups are added and never left.
    async fn change(
        &mut self,
        user: &User,
        Cells { email, shown, given }: Cells,
        wanted: &BTreeSet<GroupName>,
    ) -> Result<(LineEffect, Vec<SettingDifference>), Refusal> {
        let mut after = user.clone();
        after.email = email.or(after.email);
        after.display_name = shown.or(after.display_name);
        if let Some(mut given) = given {
            // Without this role the account of a service would be the account of a user.
            if user.roles.contains(&Role::service()) && !given.contains(&Role::service()) {
                given.insert(0, Role::service());
            }
            after.roles = given;
        }
        let local = self.invitations.users.store.local_groups_of(&user.id).await?;
        let before: BTreeSet<String> = local.into_iter().collect();
        let new: Vec<_> = wanted.iter().filter(|name| !before.contains(name.as_str())).collect();
        let mut groups = before.clone();
        groups.extend(new.iter().map(ToString::to_string));
        let differences =
            different_parts(&facts(Some(user), &before), &facts(Some(&after), &groups));
        if differences.is_empty() {
            return Ok((LineEffect::Same, differences));
        }
        self.plan.users.push(Change::Expect {
            object: doorward_model::Expected::User(user.id.clone()),
            etag: user.etag(),
        });
        if after.roles != user.roles {
            let administrator = Role::administrator();
            self.plan.loses_administrator |=
                user.roles.contains(&administrator) && !after.roles.contains(&administrator);
            let (user_id, roles) = (user.id.clone(), after.roles.clone());
            self.plan.users.push(Change::SetRoles { user_id, roles });
        }
        let email = after.email.filter(|email| user.email.as_ref() != Some(email));
        let display_name =
            after.display_name.filter(|name| user.display_name.as_ref() != Some(name));
        if email.is_some() || display_name.is_some() {
            let user_id = user.id.clone();
            self.plan.users.push(Change::SetProfile { user_id, email, display_name });
        }
        self.join(user, new.into_iter());
        Ok((LineEffect::Change, differences))
    }

    fn join<'a>(&mut self, user: &User, groups: impl Iterator<Item = &'a GroupName>) {
        let at = self.invitations.users.clock.now();
        for group in groups {
            let (group, user_id) = (group.clone(), user.id.clone());
            self.plan.groups.insert(group.clone());
            self.plan.joins.push(GroupChange::Join { group, user_id, at });
        }
    }
}

impl Plan {
    /// All of it, as one unit.
    fn unit(self) -> UnitOfWork {
        let collected = self.groups.into_iter().map(GroupChange::Collect);
        let kept = self.loses_administrator.then_some(GroupChange::ExpectAdministrator);
        let of_groups = self.joins.into_iter().chain(collected).chain(kept).map(Change::from);
        self.users.into_iter().chain(of_groups).collect()
    }
}

/// Names a list of effects.
fn named(lines: &[ImportedLine]) -> String {
    let line = |line: &ImportedLine| match &line.result {
        Ok((effect, differences)) => {
            let differences = serde_json::to_string(differences).unwrap_or_default();
            format!("{} {} {differences}", line.name, effect.as_str())
        }
        Err(refusal) => format!("{} {}", line.name, refusal.code()),
    };
    let texts: Vec<String> = lines.iter().map(line).collect();
    etag(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

impl Invitations {
    /// Imports users, or shows what the import would do. Users who are not there are added, others
    /// get the values of the fields that are not empty, and become members of the groups. One line
    /// that cannot be imported refuses the whole table.
    pub async fn import(
        &self,
        authority: &Authority,
        groups: &Groups,
        table: UserTable<'_>,
    ) -> Result<Imported, Refusal> {
        let rows = csv::read(table.csv, IMPORT_LIMITS).map_err(Refusal::Csv)?;
        let columns = columns(rows.first())?;
        let provider = match table.provider.filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(self.provider(name).await?),
        };
        let known = groups.all().await?.into_iter().map(|one| one.group.name.to_string());
        let mut import = Import {
            invitations: self,
            authority,
            provider,
            known: known.collect(),
            taken: BTreeMap::new(),
            plan: Plan::default(),
        };
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows.iter().skip(1) {
            let fields = Fields { columns: &columns, row };
            let name = fields.get("name").unwrap_or_default().to_owned();
            let result = import.line(&fields).await;
            if let Err(Refusal::Store(error)) = result {
                return Err(Refusal::Store(error));
            }
            lines.push(ImportedLine { line: row.line, name, result });
        }
        let mut done = Imported { etag: named(&lines), lines, applied: false };
        if table.effect == Effect::Show {
            return Ok(done);
        }
        if let Some(line) = done.lines.iter().find(|line| line.result.is_err()) {
            return Err(Refusal::ImportRefused(done.refused(), line.line));
        }
        if table.seen.is_some_and(|seen| seen != done.etag) {
            return Err(Refusal::SettingsChanged);
        }
        match self.users.store.apply(import.plan.unit()).await {
            Ok(()) => {}
            Err(StoreError::Refused(Condition::ExpectOtherAdministrator)) => {
                return Err(Refusal::ImportOfAdministrators);
            }
            Err(StoreError::Refused(_)) => return Err(Refusal::SettingsChanged),
            Err(error) => return Err(error.into()),
        }
        done.applied = true;
        Ok(done)
    }
}
