//! `dyad serve`: the node put together.
//!
//! Responsible for opening the store, starting the core with its service functions and the bindings, and ending all of
//! them in order. What each does is left to its crate.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use dyad_core::config::{
    Config, ContainerLimits, CseType, DeferralConfig, FunctionConfig, NotificationConfig,
};
use dyad_core::store::{self, Store};
use dyad_core::{Builder, Clock as _, Cse, ServiceFunction, SystemClock};
use dyad_protocol::exchange::{Arrival, Receiver, Watch};
use dyad_protocol::schema::Schemas;
use dyad_protocol::serialization::Codec;
use dyad_protocol::{Request, Response};
use tokio::sync::Notify;

use crate::listen::{Common, Listeners};
use crate::settings::{self, Durability, Settings};
use crate::shutdown::Signals;
use crate::tls::Tls;
use crate::{banner, operator, testing};

/// Write requests that may wait for the writer.
const WRITE_QUEUE: usize = 10_000;

/// Longest that an end in order may take: a thread that a service function keeps does not keep the process.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Runs a node until it is asked to end.
pub(crate) async fn serve(settings: Settings, all: Vec<Arc<dyn ServiceFunction>>) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let (functions, absent) = switched_on(&settings, all)?;
    let schemas = Arc::new(schemas(&settings, &functions)?);
    let tls = Tls::load(&settings.tls, SystemClock.now())?;
    let store = open_store(&settings)?;
    let gate = Arc::new(Gate::default());
    let doors = match settings.testing.enabled {
        true => vec![testing::door(&settings, Arc::clone(&gate))],
        false => Vec::new(),
    };
    let codec = Codec::new(Arc::clone(&schemas), settings.request.max_depth);
    let common = Common {
        settings: &settings,
        schemas: &schemas,
        codec: codec.clone(),
        receiver: Arc::clone(&gate) as Arc<dyn Receiver>,
        tls: &tls,
    };
    let listeners = Listeners::start(common, doors).await?;
    let cse = Builder {
        config: config(&settings, listeners.points_of_access(&settings)),
        clock: Arc::new(SystemClock),
        schemas,
        store,
        transports: listeners.transports(&settings, &codec, &tls)?,
        functions,
    }
    .start()
    .await?;
    gate.open(Arc::clone(&cse));
    let _operator = operator_door(&settings, &cse, absent).await?;
    tls.reload_on_hangup()?;
    let http = listeners.http()?;
    banner::print(&settings, http, &listeners.lines(&settings));
    tracing::info!(cse = settings.cse.id, listening = %http, "the node is ready");
    tokio::select! {
        signal = signals.first() => tracing::info!("{signal}: ending"),
        () = cse.failed() => anyhow::bail!("the node cannot go on and ends; what was answered is stored, start it again"),
    }
    // First, so that polls are answered at once and the server need not wait for them.
    cse.begin_stop();
    let stopped = tokio::time::timeout(STOP_WITHIN, async {
        listeners.stop().await;
        cse.stop().await;
    });
    if stopped.await.is_err() {
        anyhow::bail!(
            "something keeps the node from ending in order, see the log; what was answered is stored"
        );
    }
    tracing::info!("the node has ended; everything that was answered is stored");
    Ok(())
}

/// Where `dyad status` asks. A socket of a node that runs elsewhere in the same directory is left to it.
async fn operator_door(
    settings: &Settings,
    cse: &Arc<Cse>,
    absent: operator::Absent,
) -> anyhow::Result<Option<operator::Door>> {
    let Some(path) = &settings.operator.socket else { return Ok(None) };
    match operator::listen(path, cse, absent).await {
        Ok(door) => Ok(Some(door)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::warn!(
                "operator.socket ({}) is that of another node, which runs: `dyad status` asks that one; name another file",
                path.display()
            );
            Ok(None)
        }
        Err(error) => {
            let what = format!("cannot listen at operator.socket ({})", path.display());
            Err(error).context(what + "; name another file, or none to do without it")
        }
    }
}

/// The tables that ship with the node, those of the service functions, and those of the operator's directory.
fn schemas(settings: &Settings, functions: &[Arc<dyn ServiceFunction>]) -> anyhow::Result<Schemas> {
    let mut schemas = Schemas::builtin()?;
    dyad_core::add_schemas(&mut schemas, functions)?;
    if let Some(directory) = &settings.schemas.directory {
        let added = add_directory(&mut schemas, directory)
            .with_context(|| format!("schemas.directory ({}) cannot be loaded", directory.display()))?;
        tracing::info!(directory = %directory.display(), tables = added, "specialisations loaded");
    }
    Ok(schemas)
}

fn add_directory(schemas: &mut Schemas, directory: &Path) -> anyhow::Result<usize> {
    let mut files: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::path);
    let mut added = 0;
    for file in files {
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            added += schemas.add(&path.display().to_string(), &text)?;
        }
    }
    Ok(added)
}

/// The service functions that take part, and why the others do not. A name that none has is an error.
fn switched_on(
    settings: &Settings,
    mut functions: Vec<Arc<dyn ServiceFunction>>,
) -> anyhow::Result<(Vec<Arc<dyn ServiceFunction>>, operator::Absent)> {
    let off = &settings.functions.off;
    if let Some(unknown) = off.iter().find(|off| functions.iter().all(|function| function.name() != *off)) {
        let names: Vec<_> = functions.iter().map(|function| function.name()).collect();
        anyhow::bail!(
            "functions.off names '{unknown}', which is no service function; there are {}",
            names.join(", ")
        );
    }
    let mut absent = operator::Absent::new();
    functions.retain(|function| {
        let name = function.name();
        let why = if off.iter().any(|off| off == name) {
            format!(
                "the setting functions.off switches {name} off; take its name out and start the node anew"
            )
        } else if name == "contact-list" && settings.cse.kind != settings::CseType::In {
            // TS-0001 9.6.45
            format!(
                "infrastructure nodes alone keep lists of contacts: {name} needs the setting cse.type = IN"
            )
        } else {
            return true;
        };
        absent.push((name, why));
        false
    });
    Ok((functions, absent))
}

fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    let options = store::Options {
        readers: settings.store.readers,
        synchronous: match settings.store.durability {
            Durability::Full => store::Durability::Full,
            Durability::Normal => store::Durability::Normal,
        },
        ..store::Options::default()
    };
    let url = settings::without_password(&settings.store.url);
    Store::open(&settings.store.url, &options)
        .with_context(|| format!("cannot open the store (store.url = {url})"))
}

fn config(settings: &Settings, points_of_access: Vec<String>) -> Config {
    let (cse, notification) = (&settings.cse, &settings.notification);
    Config {
        cse_type: match cse.kind {
            settings::CseType::In => CseType::In,
            settings::CseType::Mn => CseType::Mn,
            settings::CseType::Asn => CseType::Asn,
        },
        cse_id: cse.id.clone(),
        cse_name: cse.name.clone(),
        sp_id: cse.sp_id.clone(),
        admin: cse.admin.clone(),
        points_of_access,
        releases: cse.supported_releases.clone(),
        default_expiration: cse.default_expiration.into(),
        max_expiration: cse.max_expiration.into(),
        expiration_interval: cse.check_expirations_every,
        container_limits: ContainerLimits {
            max_nr_of_instances: settings.container.default_max_nr_of_instances,
            max_byte_size: settings.container.default_max_byte_size,
            max_instance_age: settings.container.default_max_instance_age.map(|age| age.as_secs()),
        },
        lenient: settings.http.lenient,
        cache_bytes: settings.store.cache as u64,
        max_results: settings.request.max_results,
        request_timeout: settings.request.timeout,
        deferral: DeferralConfig {
            flex_wait: settings.request.flex_wait,
            pending: settings.request.pending,
            keep_results: settings.request.keep_results.into(),
        },
        functions: FunctionConfig {
            time_limit: settings.functions.time_limit,
            max_faults: settings.functions.max_faults,
            settings: settings.functions.own.clone(),
        },
        notification: NotificationConfig {
            timeout: notification.timeout,
            retry_first: notification.retry_first,
            retry_longest: notification.retry_longest,
            keep_for: notification.keep_for.into(),
            queue: notification.queue,
            targets: notification.targets,
            stored: notification.stored,
            batch_duration: notification.batch_duration.into(),
        },
        write_queue: WRITE_QUEUE,
    }
}

/// Stands before the core while it starts: the address is taken first, so that the node can say where it is
/// reachable, and requests that come early wait.
#[derive(Default)]
pub(crate) struct Gate {
    cse: OnceLock<Arc<Cse>>,
    opened: Notify,
}

impl Gate {
    fn open(&self, cse: Arc<Cse>) {
        if self.cse.set(cse).is_ok() {
            self.opened.notify_waiters();
        }
    }

    /// The core, once it is there.
    pub(crate) async fn cse(&self) -> &Arc<Cse> {
        loop {
            // Registered before the look, so that an opening between the two is not missed.
            let opened = self.opened.notified();
            if let Some(cse) = self.cse.get() {
                return cse;
            }
            opened.await;
        }
    }
}

#[async_trait]
impl Receiver for Gate {
    async fn receive(&self, request: Box<Request>, arrival: Arrival) -> Response {
        match self.cse.get() {
            Some(cse) => cse.handle(request, arrival).await,
            None => self.cse().await.handle(request, arrival).await,
        }
    }

    async fn watch(&self, request: &Request) -> Option<Watch> {
        self.cse().await.watch(request).await
    }

    fn connected(&self, entity: &str) {
        // Before that nothing is under way yet.
        if let Some(cse) = self.cse.get() {
            cse.connected(entity);
        }
    }
}
