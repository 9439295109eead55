"""libsolv at work, set up as dnf does it, through its Python module.

libsolv.py nothing                            starts and imports the module: that much is in all the other times
libsolv.py cold REPOSITORY SOLV               reads primary, writes SOLV, gets ready to solve
libsolv.py cached TIMES SOLV [EXTENSION]      reads them and gets ready to solve, so many times
libsolv.py solve weak|strict SOLV FILE TIMES  each line of FILE is a request, names separated by blanks: all of them, so many
                                              times; prints how many packages there are in all answers

EXTENSION has the file lists; dnf keeps both in its cache, as NAME.solv and NAME-filenames.solvx.
"""

import sys
import xml.etree.ElementTree as ElementTree

import solv

XML = "{http://linux.duke.edu/metadata/repo}"
FLAGS = ("ALLOW_DOWNGRADE", "ALLOW_VENDORCHANGE", "KEEP_ORPHANS", "BEST_OBEY_POLICY", "YUM_OBSOLETES")
INSTALL = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF | solv.Job.SOLVER_SETARCH | solv.Job.SOLVER_SETEVR


class Distribution:
    """A pool with one repository, as dnf's `DnfSack` has it."""

    def __init__(self):
        self.pool = solv.Pool()
        self.pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        self.pool.setarch("x86_64")
        self.repo = self.pool.add_repo("distribution")

    def ready(self):
        self.pool.addfileprovides()
        self.pool.createwhatprovides()
        return self

    def read_metadata(self, repository, path):
        index = ElementTree.parse(f"{repository}/repodata/repomd.xml")
        (location,) = [d.find(f"{XML}location") for d in index.iter(f"{XML}data") if d.get("type") == "primary"]
        self.repo.add_rpmmd(solv.xfopen(f"{repository}/{location.get('href')}"), None)
        with open(path, "wb") as file:
            out = solv.xfopen_fd("", file.fileno())
            self.repo.write(out)
            out.close()
        return self.ready()

    def read_caches(self, path, extension=None):
        if not self.repo.add_solv(solv.xfopen(path)):
            sys.exit(f"cannot read {path}")
        flags = solv.Repo.REPO_EXTEND_SOLVABLES | solv.Repo.REPO_LOCALPOOL
        if extension and not self.repo.add_solv(solv.xfopen(extension), flags):
            sys.exit(f"cannot read {extension}")
        return self.ready()

    def solve(self, names, weak):
        """How many packages it takes; 0 if it cannot be done."""
        pool = self.pool
        jobs = []
        for name in names:
            packages = [s.id for s in pool.select(name, solv.Selection.SELECTION_NAME).solvables()]
            jobs.append(pool.Job(INSTALL, pool.towhatprovides(packages)))
        solver = pool.Solver()
        for flag in FLAGS:
            solver.set_flag(getattr(solv.Solver, f"SOLVER_FLAG_{flag}"), 1)
        if not weak:
            solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
        return 0 if solver.solve(jobs) else len(solver.transaction().newsolvables())


def main(words):
    match words:
        case ["nothing"]:
            pass
        case ["cold", repository, path]:
            Distribution().read_metadata(repository, path)
        case ["cached", times, *paths]:
            for _ in range(int(times)):
                Distribution().read_caches(*paths)
        case ["solve", weak, path, file, times]:
            distribution = Distribution().read_caches(path)
            with open(file) as lines:
                requests = [line.split() for line in lines]
            for _ in range(int(times)):
                print(sum(distribution.solve(names, weak == "weak") for names in requests), "packages")
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
