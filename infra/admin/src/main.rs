//! Administration of who may call, for the owner of a deployed set:
//! `cargo run --release -p admin -- --table TABLE account create 7001 "Shop"`.
//!
//! Secrets are made here, shown once, and kept as hashes only. Credentials and region of the AWS
//! account come from the environment, as with the AWS command line.

use anyhow::{Context, bail, ensure};
use aws_config::BehaviorVersion;
use calls::AccountId;
use cloud::accounts::{Account, Accounts, Caller, Login};
use cloud::{Chance, Clock};

const USAGE: &str = "usage: admin --table ACCOUNTS_TABLE COMMAND
  account create ID NAME        an account, with a secret that signs its callbacks
  account show ID
  account async ID on|off       calls without RequestType are queued
  account owns ID CHILD...      accounts that it may act for
  account secret ID             a new secret for its callbacks
  user create ACCOUNT NAME      a user with a new password (WS-Security UsernameToken)
  client create ACCOUNT [ID]    an API client with a new secret (POST /v2/token)
  maintenance on|off|show       hold calls back, let them go on";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let ["--table", table, command @ ..] = given.as_slice() else {
        bail!(USAGE)
    };
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(cloud::callback::https_client())
        .load()
        .await;
    let admin = Admin {
        accounts: Accounts::in_table(&config, table),
        chance: Chance::system(),
        clock: Clock::system(),
    };
    admin.carry_out(command).await
}

struct Admin {
    accounts: Accounts,
    chance: Chance,
    clock: Clock,
}

impl Admin {
    async fn carry_out(&self, command: &[&str]) -> anyhow::Result<()> {
        match command {
            ["account", "create", id, name] => self.create_account(id, name).await,
            ["account", "show", id] => self.show_account(id).await,
            ["account", "async", id, on] => {
                let on = on_or_off(on)?;
                self.change(id, |account| account.async_by_default = on)
                    .await
            }
            ["account", "owns", id, children @ ..] => {
                let owns = children
                    .iter()
                    .map(|id| AccountId((*id).to_owned()))
                    .collect();
                self.change(id, |account| account.owns = owns).await
            }
            ["account", "secret", id] => {
                let secret = self.webhook_secret();
                say(&format!("webhook secret  {secret}"));
                self.change(id, |account| account.webhook_secret = secret)
                    .await
            }
            ["user", "create", account, name] => {
                self.create_login(Login::User, account, name).await
            }
            ["client", "create", account] => {
                self.create_login(Login::Client, account, &self.chance.guid())
                    .await
            }
            ["client", "create", account, id] => {
                self.create_login(Login::Client, account, id).await
            }
            ["maintenance", "show"] => {
                let on = self.accounts.maintenance().await?;
                say(if on { "on" } else { "off" });
                Ok(())
            }
            ["maintenance", on] => Ok(self.accounts.set_maintenance(on_or_off(on)?).await?),
            _ => bail!(USAGE),
        }
    }

    async fn account(&self, id: &str) -> anyhow::Result<Account> {
        let found = self
            .accounts
            .account(&AccountId(id.to_owned()), self.clock.now())
            .await?;
        found.with_context(|| format!("there is no account {id}"))
    }

    async fn create_account(&self, id: &str, name: &str) -> anyhow::Result<()> {
        let id = AccountId(id.to_owned());
        ensure!(
            self.accounts
                .account(&id, self.clock.now())
                .await?
                .is_none(),
            "account {id} is there already"
        );
        let webhook_secret = self.webhook_secret();
        say(&format!(
            "account         {id}\nwebhook secret  {webhook_secret}"
        ));
        let account = Account {
            id,
            name: name.to_owned(),
            webhook_secret,
            async_by_default: false,
            owns: Vec::new(),
        };
        Ok(self.accounts.put_account(&account).await?)
    }

    async fn show_account(&self, id: &str) -> anyhow::Result<()> {
        let account = self.account(id).await?;
        let owns: Vec<&str> = account.owns.iter().map(|id| id.0.as_str()).collect();
        say(&format!(
            "account           {}\nname              {}\nasync by default  {}\nowns              {}",
            account.id,
            account.name,
            account.async_by_default,
            owns.join(" ")
        ));
        Ok(())
    }

    async fn change(&self, id: &str, change: impl FnOnce(&mut Account)) -> anyhow::Result<()> {
        let mut account = self.account(id).await?;
        change(&mut account);
        Ok(self.accounts.put_account(&account).await?)
    }

    async fn create_login(&self, login: Login, account: &str, name: &str) -> anyhow::Result<()> {
        let account = self.account(account).await?;
        let secret = self.chance.token();
        let caller = Caller {
            account: account.id,
            async_by_default: account.async_by_default,
        };
        self.accounts
            .put_login(login, name, &secret, &caller)
            .await?;
        match login {
            Login::User => say(&format!("user      {name}\npassword  {secret}")),
            Login::Client => say(&format!("client id      {name}\nclient secret  {secret}")),
        }
        Ok(())
    }

    /// 32 bytes that nobody can guess, as Standard Webhooks writes them.
    fn webhook_secret(&self) -> String {
        use base64::Engine;
        let bytes = self.chance.token();
        format!(
            "whsec_{}",
            base64::engine::general_purpose::STANDARD.encode(bytes)
        )
    }
}

fn on_or_off(text: &str) -> anyhow::Result<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => bail!("on or off, not {other}\n{USAGE}"),
    }
}

#[expect(clippy::print_stdout, reason = "it answers on the command line")]
fn say(text: &str) {
    println!("{text}");
}
