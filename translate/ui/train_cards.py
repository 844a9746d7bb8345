"""Pieces of HTML of the Train tab: what a folder holds, what a training would take, how one goes."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from translate.jobs import Job, Progress, duration
from translate.ui.cards import run_facts

if TYPE_CHECKING:
    from translate.data.folders import Problem
    from translate.data.survey import Survey
    from translate.evaluation.estimate import Estimate

LISTED = 12
TASKS = {
    "labels": "pairs of a picture and a label map",
    "pictures": "pairs of pictures",
    "unpaired": "two domains without pairs",
}
STATES = {
    "queued": "waiting for its turn",
    "running": "training",
    "paused": "paused",
    "stopped": "stopped",
    "finished": "finished",
    "failed": "failed",
    "interrupted": "interrupted",
}
HINTS = {
    "interrupted": "Its process has ended without saying why. Resume goes on from the last save.",
    "paused": "Resume goes on where it was.",
    "stopped": "Its newest model can be used; Resume trains it further.",
}

NO_DATA = """<div class="tr-hint"><p><b>Show what to learn</b>: pictures of two kinds, in one zip or folder.</p>
<ul><li><b>Pairs</b>: <code>photo/</code> and <code>label/</code> (or <code>a/</code> and <code>b/</code>), the two of a
pair under one name. A label map is learnt as classes, any other picture as a picture.</li>
<li><b>No pairs</b>: <code>horse/</code> and <code>zebra/</code>: each turns into the other.</li></ul>
<p>Fifty pairs make a first try, a few hundred a good model. Every file is looked at before a training starts.</p>
</div>"""

NO_JOBS = """<div class="tr-welcome tr-train-empty"><svg viewBox="0 0 120 72" aria-hidden="true">
<rect x="8" y="6" width="104" height="60" rx="8" class="tr-sky"/>
<path d="M18 18c14 30 30 34 46 36s28 2 40 2" fill="none" class="tr-curve" stroke-width="3"/>
<path d="M18 56c16-2 26-14 40-22s30-12 46-13" fill="none" class="tr-curve2" stroke-width="3"/></svg>
<h2>Your trainings appear here</h2>
<ol><li>Give a zip or a folder, and see what was recognised.</li>
<li>Choose a recipe, look at the estimate, start.</li>
<li>Watch samples and curves, pause when you need the machine, use the model when you like it.</li></ol>
<p>A training goes on when this page is closed, and when the program that shows it ends.</p></div>"""


def survey_card(found: "Survey") -> str:
    """What was recognised, what was decided on the way, and everything that is wrong."""
    counts = ", ".join(f"{split}: {count}" for split, count in found.counts.items())
    sizes = list(found.sizes.items())
    shown = ", ".join(f"{size} ({count:,})" for size, count in sizes[:3]) or "none readable"
    more = f" and {len(sizes) - 3} more" if len(sizes) > 3 else ""
    facts = run_facts([("Layout", found.kind), ("Files", counts), ("Pixels", shown + more)])
    classes = "".join(
        f'<li><i class="tr-swatch" style="background:rgb{spec.color}" aria-hidden="true"></i>'
        f"<span>{escape(spec.name.replace('_', ' '))}</span><b>{share:.1%}</b></li>"
        for spec, share in found.classes
    )
    notes = "".join(f"<li>{escape(_short(note, found.root))}</li>" for note in found.notes)
    return (
        f'<div class="tr-survey"><p><b>{TASKS[found.task].capitalize()}</b></p>{facts}'
        + (f"<details><summary>{len(found.classes)} classes</summary><ul>{classes}</ul></details>" if classes else "")
        + (f'<ul class="tr-notes">{notes}</ul>' if notes else "")
        + (problems(found.problems, found.root) or '<p class="tr-good">Every file can be used.</p>')
        + "</div>"
    )


def problems(found: "Sequence[Problem]", root: Path) -> str:
    """Every problem by name, folded away where there are many; nothing where there is none."""
    if not found:
        return ""
    rows = [f"<li>{escape(_short(str(problem), root))}</li>" for problem in found]
    head = f"{len(rows)} file{'s' if len(rows) > 1 else ''} can’t be used; mend or remove them, then look again."
    rest = f"<details><summary>{len(rows) - LISTED} more</summary><ul>{''.join(rows[LISTED:])}</ul></details>"
    return (
        f'<div class="tr-bad" role="alert"><p>{head}</p><ul>{"".join(rows[:LISTED])}</ul>'
        f"{rest if len(rows) > LISTED else ''}</div>"
    )


def estimate_card(found: "Estimate", steps: int, is_busy: bool) -> str:
    """Time and memory, and how far to trust them."""
    whole = duration(found.seconds_a_step * steps)
    facts = [("All steps", f"about {whole}"), ("A step", f"{found.seconds_a_step:.2g} s"), ("Device", found.device)]
    if found.memory_mib is not None:
        facts.append(("Memory", f"{found.memory_mib / 1024:.1f} GiB"))
    busy = " Another training runs now and slows this measurement." if is_busy else ""
    return (
        f'<div class="tr-estimate">{run_facts(facts)}<p class="tr-note">An estimate: {found.steps_timed} real training '
        f"steps on made-up pictures, just now on this machine. Reading your pictures and checking quality come on "
        f"top.{busy}</p></div>"
    )


def job_card(job: Job, now: Progress, ahead: int) -> str:
    """A job's state, how far it is, and what it said last."""
    share = min(1.0, now.step / now.steps) if now.steps else 0.0
    is_on = job.state == "running"
    words = f"to be {job.wish}: saving" if job.wish and is_on else STATES[job.state]
    if job.state == "queued" and ahead:
        words += f", {ahead} before it"
    if is_on and not now.step:
        words = "looking at the data"
    facts = [("Step", f"{now.step:,}" + (f" of {now.steps:,}" if now.steps else ""))]
    if is_on and now.left is not None:
        facts.append(("Left", f"about {duration(now.left)}"))
    facts += [("Trained", duration(now.seconds))] if now.seconds else []
    facts += [("Saved at", f"step {now.saved:,}")] if now.saved else []
    message = job.record.message if job.state in ("failed", "stopped", "paused") else ""
    said = " ".join(filter(None, [f"{message}." if message else "", HINTS.get(job.state, "")]))
    return (
        f'<div class="tr-job"><p class="tr-head"><b>{escape(job.name)}</b>'
        f'<span class="tr-state tr-{job.state}">{escape(words)}</span></p>'
        f'<div class="tr-progress" role="progressbar" aria-label="Steps done" aria-valuenow="{share * 100:.0f}" '
        f'aria-valuemin="0" aria-valuemax="100"><i style="width:{share:.1%}"></i></div>'
        f"{run_facts(facts)}{f'<p class=tr-said>{escape(said)}</p>' if said else ''}</div>"
    )


def _short(text: str, root: Path) -> str:
    """Paths below the folder that was named, as they are below it."""
    return text.replace(f"{root}/", "").replace(str(root), root.name)
