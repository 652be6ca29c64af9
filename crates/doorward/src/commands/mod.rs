//! The commands, one file each. Every command works on the same `--config` and `--data-dir`, also
//! while a server runs on it.

/// Prints one line. It may hold names that upstreams, clients and providers chose, so that the
/// whole line is escaped.
macro_rules! report {
    ($($words:tt)*) => { $crate::commands::print_line(&format!($($words)*)) };
}

mod admin_link;
mod audit;
mod backup;
mod chat;
mod client;
mod config;
mod connections;
mod context;
mod doctor;
mod document;
mod edit;
mod examples;
mod given;
mod group;
mod import;
#[cfg(feature = "knowledge")]
mod index;
mod keys;
mod mail;
mod manual;
mod migrate;
mod place;
mod policy;
mod print;
mod provider;
mod reach;
mod reload;
mod resource;
mod rules;
mod supervise;
pub(crate) mod token;
mod toolset;
mod trust;
mod upstream;
mod usage;
mod user;
mod user_tools;
mod who;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{CommandFactory, Parser, Subcommand};
use doorward_store::origin::{self, Origin};

use crate::{Failed, config::ConfigSource, data_dir::DataDir, logging, out, serve};
use context::Context;
use given::{hinted, settings_of};
use place::Need;
pub(crate) use print::print_line;
use print::{moment, print_block, print_code, print_findings, print_json, print_table, print_view};

/// The heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// OAuth authorization server, single sign-on and MCP gateway for a team's MCP servers.
#[derive(Parser, Debug)]
#[command(name = "doorward", version, max_term_width = 100)]
pub struct Arguments {
    /// The configuration file; by default doorward.toml in the working directory, if it exists.
    #[arg(
        long,
        global = true,
        env = "DOORWARD_CONFIG",
        value_name = "FILE",
        help_heading = GLOBAL
    )]
    config: Option<PathBuf>,
    /// The folder with the embedded database and the master key.
    #[arg(
        long,
        global = true,
        env = "DOORWARD_DATA_DIR",
        value_name = "DIR",
        default_value = "doorward-data",
        help_heading = GLOBAL
    )]
    data_dir: PathBuf,
    /// Print JSON, for programs.
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Runs the server.
    #[command(after_help = examples::SERVE)]
    Serve {
        /// The IP address and port to listen on; localhost:PORT for both loopback IP addresses.
        #[arg(long, value_name = "HOST:PORT")]
        listen: Option<String>,
        /// The URL under which users and clients reach this server.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
        /// Serve https with a certificate that is created for this server and kept in the data
        /// directory.
        #[arg(long, value_name = "KIND", value_parser = ["self-signed"])]
        tls: Option<String>,
    },
    /// Prints a new one-time link that makes the user who opens it an administrator.
    #[command(after_help = admin_link::EXAMPLES)]
    AdminLink {
        /// The public URL, if it is not configured.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
    },
    /// Adds, invites, lists and changes users.
    #[command(after_help = user::EXAMPLES)]
    User {
        /// The public URL, if it is not configured: links in invitations begin with it.
        #[arg(long, global = true, value_name = "URL", help_heading = GLOBAL)]
        public_url: Option<String>,
        #[command(subcommand)]
        command: user::Command,
    },
    /// Adds, lists, shows, changes and deletes groups of users, and changes their members.
    #[command(subcommand, after_help = group::EXAMPLES)]
    Group(group::Command),
    /// Adds, lists and changes clients: MCP clients, services, and applications in which users sign
    /// in with this server.
    #[command(subcommand, after_help = client::EXAMPLES)]
    Client(client::Command),
    /// Adds, lists, changes and removes trust rules: tokens of other issuers, such as those of CI
    /// jobs and clusters, with which workloads act as services.
    #[command(subcommand, after_help = trust::EXAMPLES)]
    Trust(trust::Command),
    /// Adds, changes, lists, tests and deletes identity providers.
    #[command(after_help = provider::EXAMPLES)]
    Provider {
        /// The public URL, if the configuration does not state it: redirect URIs begin with it.
        #[arg(long, global = true, value_name = "URL", help_heading = GLOBAL)]
        public_url: Option<String>,
        #[command(subcommand)]
        command: provider::Command,
    },
    /// Adds, changes, lists, tests and deletes upstreams, and decides on their tools.
    #[command(after_help = upstream::EXAMPLES)]
    Upstream {
        /// The public URL, if the configuration does not state it: redirect URIs begin with it.
        #[arg(long, global = true, value_name = "URL", help_heading = GLOBAL)]
        public_url: Option<String>,
        #[command(subcommand)]
        command: upstream::Command,
    },
    /// Adds, lists, shows, changes and removes external resource servers: other programs that
    /// accept this server's access tokens.
    #[command(after_help = resource::EXAMPLES)]
    Resource {
        /// The public URL, if the configuration does not state it: it is the issuer of tokens.
        #[arg(long, global = true, value_name = "URL", help_heading = GLOBAL)]
        public_url: Option<String>,
        #[command(subcommand)]
        command: resource::Command,
    },
    /// Adds, lists, shows, changes and removes toolsets: tools of several upstreams at one URL.
    #[command(subcommand, after_help = toolset::EXAMPLES)]
    Toolset(toolset::Command),
    /// Explains the policy's decisions, lists its rules, and tries others.
    #[command(subcommand, after_help = policy::EXAMPLES)]
    Policy(policy::Command),
    /// Shows, saves and restores access rules, limits and the rules for the admission of clients.
    #[command(subcommand, after_help = rules::EXAMPLES)]
    Rules(rules::Command),
    /// Prints the completion script of a shell.
    #[command(after_help = examples::COMPLETION)]
    Completion {
        /// bash, zsh or fish.
        #[arg(value_parser = manual::shell)]
        shell: clap_complete::Shell,
    },
    /// Writes the man pages into a folder.
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder.
        folder: PathBuf,
    },
    /// Runs a local process for the server. Not for direct use.
    #[command(hide = true)]
    Supervise {
        /// The command and its arguments.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Creates, lists and revokes personal and service access tokens.
    #[command(subcommand, after_help = token::EXAMPLES)]
    Token(token::Command),
    /// Adds, lists and removes documents that are uploaded to a collection.
    #[command(subcommand, after_help = document::EXAMPLES)]
    Document(document::Command),
    /// Lists and ends the links of chat accounts with users.
    #[command(subcommand, after_help = chat::EXAMPLES)]
    Chat(chat::Command),
    /// Prints, follows, exports and checks the audit.
    #[command(after_help = audit::EXAMPLES)]
    Audit(Box<audit::Command>),
    /// Shows the number, errors and latency of tool calls, and counts them again.
    #[command(after_help = usage::EXAMPLES)]
    Usage(Box<usage::Command>),
    /// Lists and rotates signing keys.
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Keys(keys::Command),
    /// Sends a test mail.
    #[command(subcommand, after_help = mail::EXAMPLES)]
    Mail(mail::Command),
    /// Checks, shows and describes the configuration.
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::Command),
    /// Puts the configuration file in effect in the running server: providers, upstreams, access,
    /// policy, limits and registration. Everything else needs a restart.
    #[command(after_help = reload::EXAMPLES)]
    Reload,
    /// Shows the difference between the configuration file and the running server, and applies it.
    #[command(after_help = examples::APPLY)]
    Apply {
        /// Only show the difference.
        #[arg(long)]
        dry_run: bool,
    },
    /// Updates the database's schema, or moves the data to PostgreSQL.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate {
        /// Copy everything from the embedded database to this empty PostgreSQL database. Stop the
        /// server first.
        #[arg(long, value_name = "postgres://USER@HOST/DATABASE")]
        to: Option<String>,
    },
    /// Writes all data into one file, also while a server runs. The format is the same for both
    /// databases.
    #[command(after_help = backup::EXAMPLES)]
    Backup {
        /// The file, which must not exist.
        file: PathBuf,
        /// Include the master key. Any holder of the file can then open every secret in it.
        #[arg(long)]
        with_key: bool,
    },
    /// Restores a backup into an empty database. No server may run on it. Sessions, codes and links
    /// of the backup are not restored.
    #[command(after_help = examples::RESTORE)]
    Restore {
        /// The file.
        file: PathBuf,
        /// End the access of all clients and personal access tokens in the backup; users must
        /// connect their clients again.
        #[arg(long)]
        end_access: bool,
    },
    /// Checks configuration, permissions, disk, database, keys, clock, backups, identity providers,
    /// upstreams, mail and public URL, and reports problems.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor {
        /// Explain the connection attempts of a client instead: its client_id, or part of its name.
        #[arg(long, value_name = "URL|NAME")]
        client: Option<String>,
        /// With --client: the number of hours to examine.
        #[arg(long, default_value_t = 24)]
        hours: u32,
        /// The public URL, if it is not configured.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
    },
}

/// The facts of a command that do not depend on its arguments.
struct Facts {
    name: &'static str,
    need: Need,
}

impl Command {
    /// The options that replace settings: `--listen`, `--public-url` and `--tls`.
    fn flags(&self) -> (Option<String>, Option<String>, Option<String>) {
        match self {
            Self::Serve { listen, public_url, tls } => {
                (listen.clone(), public_url.clone(), tls.clone())
            }
            Self::AdminLink { public_url }
            | Self::Doctor { public_url, .. }
            | Self::User { public_url, .. }
            | Self::Provider { public_url, .. }
            | Self::Resource { public_url, .. }
            | Self::Upstream { public_url, .. } => (None, public_url.clone(), None),
            _ => (None, None, None),
        }
    }

    /// The level of its log. A trial of an upstream shows what a process writes.
    fn log_level(&self) -> String {
        match self {
            Self::Upstream {
                command: upstream::Command::Test { .. } | upstream::Command::Refresh { .. },
                ..
            } => {
                format!("warn,{}=info", doorward_gateway::PROCESS_LOG)
            }
            _ => "warn".to_owned(),
        }
    }

    /// Its name, for the audit, and its need for data.
    fn facts(&self) -> Facts {
        let (name, need) = match self {
            Self::Serve { .. } => ("serve", Need::Nothing),
            Self::AdminLink { .. } => ("admin-link", Need::Told),
            Self::User { .. } => ("user", Need::Told),
            Self::Group(_) => ("group", Need::Told),
            Self::Client(_) => ("client", Need::Told),
            Self::Trust(_) => ("trust", Need::Told),
            Self::Provider { .. } => ("provider", Need::Told),
            Self::Upstream { .. } => ("upstream", Need::Told),
            Self::Resource { .. } => ("resource", Need::Told),
            Self::Toolset(_) => ("toolset", Need::Told),
            Self::Policy(_) => ("policy", Need::Nothing),
            Self::Rules(_) => ("rules", Need::Nothing),
            Self::Completion { .. } => ("completion", Need::Nothing),
            Self::Man { .. } => ("man", Need::Nothing),
            Self::Supervise { .. } => ("supervise", Need::Nothing),
            Self::Token(_) => ("token", Need::Told),
            Self::Document(_) => ("document", Need::Told),
            Self::Chat(_) => ("chat", Need::Told),
            Self::Audit(_) => ("audit", Need::Data),
            Self::Usage(_) => ("usage", Need::Data),
            Self::Keys(_) => ("keys", Need::Told),
            Self::Mail(_) => ("mail", Need::Told),
            Self::Config(_) => ("config", Need::Nothing),
            Self::Reload => ("reload", Need::Nothing),
            Self::Apply { .. } => ("apply", Need::Nothing),
            Self::Migrate { .. } => ("migrate", Need::Nothing),
            Self::Doctor { .. } => ("doctor", Need::Told),
            Self::Backup { .. } => ("backup", Need::Data),
            Self::Restore { .. } => ("restore", Need::Nothing),
        };
        Facts { name, need }
    }
}

/// The command line as clap describes it, for the generated reference.
pub fn describe() -> clap::Command {
    Arguments::command()
}

/// Runs the program: exit status 0, 1 (failed) or 2 (usage).
pub fn main() -> ExitCode {
    // Before any secret is read.
    crate::process::protect();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failed(format!("the runtime cannot be started: {error}"))),
    };
    let outcome = runtime.block_on(run(arguments));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    out::flush();
    match (outcome, out::fault()) {
        (Ok(_), Some(fault)) => {
            fail(&Failed(format!("standard output cannot be written to: {fault}")))
        }
        (Ok(code), None) => code,
        (Err(error), _) => fail(&error),
    }
}

fn fail(error: &Failed) -> ExitCode {
    out::error(format_args!("doorward: {error}"));
    ExitCode::from(1)
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failed> {
    if let Command::Config(command) = &arguments.command {
        return config::run(command, arguments.config.as_deref(), arguments.json)
            .map(|()| ExitCode::SUCCESS);
    }
    match &arguments.command {
        Command::Supervise { command } => return supervise::run(command).await,
        Command::Completion { shell } => {
            manual::completion(*shell);
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man { folder } => return manual::pages(folder).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let (listen, public_url, tls) = arguments.command.flags();
    let source = ConfigSource::new(arguments.config.as_deref(), move |loaded| {
        if let Some(listen) = &listen {
            loaded.set_flag("server.listen", "--listen", |config| {
                config.server.listen.clone_from(listen);
            });
        }
        if let Some(url) = &public_url {
            loaded.set_flag("server.public_url", "--public-url", |config| {
                config.server.public_url.clone_from(url);
            });
        }
        if let Some(tls) = &tls {
            loaded.set_flag("server.tls", "--tls", |config| config.server.tls.clone_from(tls));
        }
    });
    if let Command::Reload | Command::Apply { .. } = &arguments.command {
        let dry_run = matches!(&arguments.command, Command::Apply { dry_run: true });
        let data_dir = DataDir::open(&arguments.data_dir)?;
        return reload::run(&data_dir, &source, dry_run, arguments.json).await;
    }
    if let Command::Serve { .. } = &arguments.command {
        let loaded = source.load()?;
        logging::start(&loaded.config.log)?;
        loaded.check_to_serve()?;
        let data_dir = DataDir::open(&arguments.data_dir)?;
        return Box::pin(serve::run(source, loaded, &data_dir, arguments.config))
            .await
            .map(|()| ExitCode::SUCCESS);
    }
    let loaded = source.load();
    if let Ok(loaded) = &loaded {
        place::seek_data(&arguments.command, &loaded.config.store, &arguments.data_dir)?;
    }
    let data_dir = DataDir::open(&arguments.data_dir)?;
    let usable = loaded.and_then(|mut loaded| {
        let configured_url = loaded.config.server.public_url.clone();
        place::follow_server(&mut loaded, &data_dir);
        loaded.check().map(|checked| (configured_url, checked, loaded))
    });
    let (configured_url, checked, mut loaded) = match (usable, &arguments.command) {
        (Ok(usable), _) => usable,
        (Err(error), Command::Doctor { client: None, .. }) => {
            return doctor::without_configuration(&data_dir, &error, arguments.json).await;
        }
        (Err(error), _) => return Err(error.into()),
    };
    loaded.config.log.level = arguments.command.log_level();
    logging::start(&loaded.config.log)?;
    let context = Context {
        configured_url,
        checked,
        config: loaded.config,
        data_dir,
        json: arguments.json,
        opened: std::sync::Mutex::default(),
    };
    let name = arguments.command.facts().name;
    let work = async {
        let outcome = Box::pin(command(&context, arguments.command)).await;
        context.finish().await.and(outcome)
    };
    Box::pin(origin::serving(Arc::new(Origin::command(name)), work)).await
}

async fn command(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    match command {
        Command::Serve { .. }
        | Command::Config(_)
        | Command::Supervise { .. }
        | Command::Completion { .. }
        | Command::Man { .. }
        | Command::Reload
        | Command::Apply { .. } => Ok(ExitCode::SUCCESS),
        Command::Upstream { command, .. } => upstream::run(context, command).await,
        Command::Resource { command, .. } => resource::run(context, command).await,
        Command::Toolset(command) => toolset::run(context, command).await,
        Command::Policy(command) => policy::run(context, command).await,
        Command::Rules(command) => rules::run(context, command).await,
        Command::AdminLink { .. } => admin_link::run(context).await.map(|()| ExitCode::SUCCESS),
        Command::User { command, .. } => {
            Box::pin(user::run(context, command)).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Group(command) => group::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Client(command) => client::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Trust(command) => trust::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Provider { command, .. } => provider::run(context, command).await,
        Command::Token(command) => token::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Document(command) => {
            document::run(context, command).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Chat(command) => chat::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Audit(command) => audit::run(context, *command).await,
        Command::Usage(command) => usage::run(context, *command).await.map(|()| ExitCode::SUCCESS),
        Command::Keys(command) => keys::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Mail(command) => mail::run(context, command).await.map(|()| ExitCode::SUCCESS),
        Command::Migrate { to } => migrate::run(context, to).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor { client: Some(client), hours, .. } => {
            doctor::client(context, &client, hours).await
        }
        Command::Doctor { .. } => doctor::run(context).await,
        Command::Backup { file, with_key } => {
            backup::back_up(context, &file, with_key).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Restore { file, end_access } => {
            backup::restore(context, &file, end_access).await.map(|()| ExitCode::SUCCESS)
        }
    }
}
