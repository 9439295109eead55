//! Solves requests on folders with repodata: `solve [--weak] [--best] [--arch ARCH] REPO.. -- SPEC..`; several requests
//! by lines on the standard input when there is no SPEC. Prints the NEVRAs, sorted. A repository is
//! `FOLDER[,priority=N][,cost=N][,installed]`.

use std::io::BufRead as _;
use std::time::Instant;

use copr_resolve::{Policy, Pool, RepositoryInfo, Request, Wish, load, solve};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let (mut places, mut specs, mut request, mut arch) =
        (Vec::new(), Vec::new(), Request::default(), "x86_64".to_owned());
    let mut times = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--weak" => request.weak = true,
            "--best" => request.policy = Policy::Best,
            "--update" => request.update = true,
            "--times" => times = true,
            "--arch" => arch = words.next().unwrap_or(arch),
            "--" => specs.extend(words.by_ref()),
            _ => places.push(word),
        }
    }
    let mut pool = Pool::new(&arch);
    for place in &places {
        let mut parts = place.split(',');
        let folder = parts.next().unwrap_or_default();
        let mut info = RepositoryInfo::new(folder, folder);
        let mut installed = false;
        for part in parts {
            match part.split_once('=') {
                Some(("priority", value)) => info.priority = value.parse()?,
                Some(("cost", value)) => info.cost = value.parse()?,
                _ => installed = true,
            }
        }
        let path = primary(folder)?;
        let started = Instant::now();
        let packages = load::primary(copr_repodata::read::open(std::path::Path::new(&path))?)?;
        let index = pool.add(info, packages)?;
        if installed {
            request.installed = Some(index);
        }
        if times {
            eprintln!("loaded {path} in {:?}", started.elapsed());
        }
    }
    if !specs.is_empty() || request.update {
        return answer(&pool, &request, &specs, times);
    }
    for line in std::io::stdin().lock().lines() {
        let specs: Vec<String> = line?.split_whitespace().map(str::to_owned).collect();
        answer(&pool, &request, &specs, times)?;
        println!("END");
    }
    Ok(())
}

fn primary(folder: &str) -> Result<String, Failure> {
    for entry in std::fs::read_dir(format!("{folder}/repodata"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.contains("primary.xml") {
            return Ok(path.to_string_lossy().into_owned());
        }
    }
    Err("there is no primary.xml".into())
}

/// Specs as `dnf install` reads names: packages of that name and those that obsolete them; else a capability.
fn wish(pool: &Pool, spec: &str) -> Result<Wish, Failure> {
    use copr_rpm::DependencyKind::Obsoletes;
    let named: Vec<_> = pool.find(spec).into_iter().flat_map(|name| pool.named(name)).collect();
    if named.is_empty() {
        let dependency = if spec.starts_with('(') { copr_rpm::Dependency::named(spec) } else { spec.parse()? };
        return Ok(Wish::Dependency(dependency));
    }
    let mut all = named.clone();
    let obsoletes = |id: &copr_resolve::PackageId| {
        pool.installable(*id)
            && pool.list(*id, Obsoletes).iter().any(|cap| named.iter().any(|named| pool.is_within(*named, *cap)))
    };
    all.extend(pool.ids().filter(obsoletes));
    all.sort_unstable();
    all.dedup();
    Ok(Wish::Packages(all, spec.to_owned()))
}

fn answer(pool: &Pool, request: &Request, specs: &[String], times: bool) -> Result<(), Failure> {
    let specs: Vec<String> = specs.iter().map(|spec| spec.replace('_', " ").replace("\u{a7}", "_")).collect();
    let install = specs.iter().map(|spec| wish(pool, spec)).collect::<Result<Vec<_>, _>>()?;
    let request = Request { install, ..request.clone() };
    let started = Instant::now();
    let result = solve(pool, &request);
    if times {
        eprintln!("solved in {:?}", started.elapsed());
    }
    match result {
        Ok(solution) => {
            let mut lines: Vec<String> = solution
                .install
                .iter()
                .map(|chosen| format!("{}@{}", pool.nevra(chosen.id), pool.repository(chosen.id)))
                .chain(solution.erase.iter().map(|id| format!("-{}@{}", pool.nevra(*id), pool.repository(*id))))
                .collect();
            lines.sort();
            for line in lines {
                println!("{line}");
            }
        }
        Err(problem) => println!("UNSOLVABLE {}", problem.to_string().replace('\n', " | ")),
    }
    Ok(())
}
