"""An asyncio loop that records what it does, for a program as it stands.

    python3 recorder.py PROGRAM.py

runs PROGRAM on a SelectorEventLoop with recording edges, and prints the events in oneloop-trace's schema behind what
it has printed. Nothing of the loop is replaced but the places through which everything passes: what is
appended to the ready queue, what the selector is asked and answers, timers, and the making of tasks.

An asyncio task is stepped by a callback, Task.__step or Task.__wakeup: queueing one is the task's wake, running it is its
poll. The self-pipe is what a thread rings, and no source of anybody's.
"""

import asyncio
import collections
import json
import runpy
import sys
import time


class Log:
    """The records, and the turn that they are in."""

    def __init__(self):
        self.records, self.turn, self.start = [], 0, time.monotonic_ns()

    def __call__(self, event, **fields):
        t = time.monotonic_ns() - self.start
        self.records.append({"n": len(self.records), "t": t, "turn": self.turn, "event": event, **fields})

    def at(self, when):
        """A time of the loop's clock on the log's scale."""
        return max(0, int(when * 1e9) - self.start)


class Ready(collections.deque):
    """The ready queue. Due timers are put here by the loop itself, and nowhere else does it say that they are due."""

    def __init__(self, on_timer):
        super().__init__()
        self.on_timer = on_timer

    def append(self, handle):
        if isinstance(handle, asyncio.TimerHandle):
            self.on_timer(handle)
        super().append(handle)


class Selector:
    """The loop's selector, with what is asked and what comes of it told to the loop."""

    def __init__(self, selector, loop):
        self.selector, self.loop = selector, loop

    def __getattr__(self, name):
        return getattr(self.selector, name)

    def select(self, timeout=None):
        return self.loop.select(self.selector, timeout)

    def register(self, fileobj, events, data=None):
        key = self.selector.register(fileobj, events, data)
        self.loop.registered(key.fd, events)
        return key

    def unregister(self, fileobj):
        key = self.selector.unregister(fileobj)
        self.loop.unregistered(key.fd)
        return key


class RecordingLoop(asyncio.SelectorEventLoop):
    """One step, one turn, one wait after the other, told to a log."""

    def __init__(self):
        self.log = Log()
        self.numbers, self.pending, self.wakes = {}, {}, 0
        self.waiting = []  # the tasks in the ready queue, in order
        self.timers, self.timer_count, self.sleeps = {}, 0, {}
        self.sources, self.source_count = {}, 0
        self.stepping, self.cause, self.in_turn = [], "callback", False
        super().__init__()
        self._ready = Ready(self.fired)
        self._selector = Selector(self._selector, self)

    # Tasks.

    def number(self, task):
        """The task's number; the first time, the task is new."""
        if task not in self.numbers:  # which keeps every task: a number must not be given twice
            self.numbers[task] = len(self.numbers) + 1
            parent = self.stepping[-1] if self.stepping else None
            self.log("spawn", task=self.numbers[task], parent=parent, at=place())
            if task.get_name() != f"Task-{self.numbers[task]}":
                self.log("name", task=self.numbers[task], name=task.get_name())
        return self.numbers[task]

    def call_soon(self, callback, *args, context=None):
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            number = self.number(task)
            self.wakes += 1
            self.pending[number] = self.wakes
            self.waiting.append(number)
            self.log("wake", wake=self.wakes, task=number, by=self.by(number), coalesced=False)
            return super().call_soon(self.step, task, number, callback, *args, context=context)
        return super().call_soon(callback, *args, context=context)

    def by(self, task):
        if self.stepping:
            return "self" if self.stepping[-1] == task else {"task": self.stepping[-1]}
        return self.cause if self.in_turn else "thread"

    def step(self, task, number, callback, *args):
        self.waiting.remove(number)
        self.log("poll_begin", task=number, wake=self.pending.pop(number))
        self.stepping.append(number)
        try:
            callback(*args)
        finally:
            if not task.done():
                for on in self.waits_for(getattr(task, "_fut_waiter", None)):
                    self.log("wait", task=number, on=on)
            self.stepping.pop()
            result = "cancelled" if task.cancelled() else "done" if task.done() else "pending"
            self.log("poll_end", task=number, result=result)
            if task.done():
                self.log("drop", task=number, reason=result)

    def waits_for(self, future):
        if future is None:
            return []  # it has yielded, and is in the queue
        if isinstance(future, asyncio.Task):
            return [{"task": self.number(future)}]
        children = getattr(future, "_children", None)
        if children:
            return [on for child in children if not child.done() for on in self.waits_for(child)]
        timer = self.sleeps.get(future)
        return [{"timer": timer} if timer in self.timers.values() else "future"]

    # Timers.

    def call_at(self, when, callback, *args, context=None):
        self.timer_count += 1
        number = self.timer_count

        def fire():
            self.cause = "timer"
            try:
                callback(*args)
            finally:
                self.cause = "callback"

        handle = super().call_at(when, fire, context=context)
        self.timers[handle] = number
        for future in args:
            if isinstance(future, asyncio.Future):
                self.sleeps[future] = number
        self.log("timer_add", timer=number, deadline=self.log.at(when), task=self.stepping[-1] if self.stepping else None)
        return handle

    def fired(self, handle):
        number = self.timers.pop(handle, None)
        if number is not None:
            self.log("timer_fire", timer=number)

    def _timer_handle_cancelled(self, handle):
        number = self.timers.pop(handle, None)
        if number is not None:
            self.log("timer_cancel", timer=number)
        super()._timer_handle_cancelled(handle)

    # Sources, and the turn around the selector.

    def registered(self, fd, events):
        if fd == self._ssock.fileno():
            return
        self.source_count += 1
        self.sources[fd] = self.source_count
        task = self.stepping[-1] if self.stepping else None
        self.log("register", source=self.source_count, readable=bool(events & 1), writable=bool(events & 2), task=task)

    def unregistered(self, fd):
        source = self.sources.pop(fd, None)
        if source is not None:
            self.log("deregister", source=source)

    def select(self, selector, timeout):
        self.end_turn()
        self.log.turn += 1
        self.in_turn = True
        deadline = min((handle.when() for handle in self.timers), default=None)
        self.log(
            "turn_begin",
            ready=list(self.waiting),
            timers=len(self.timers),
            next_deadline=None if deadline is None else self.log.at(deadline),
            registrations=len(self.sources),
        )
        self.log("park", timeout=None if timeout is None else int(timeout * 1e9))
        keys = selector.select(timeout)
        own = [key for key, _ in keys if key.fd == self._ssock.fileno()]
        self.log("unpark", events=len(keys) - len(own), notified=bool(own))
        for key, events in keys:
            if key.fd in self.sources:
                source = self.sources[key.fd]
                self.log("io_event", source=source, readable=bool(events & 1), writable=bool(events & 2))
        return keys

    def end_turn(self):
        if self.in_turn:
            self.in_turn = False
            self.log("turn_end")

    def run_forever(self):
        try:
            super().run_forever()
        finally:
            self.end_turn()


def place():
    """The line of the program that is at work: the innermost that is neither asyncio's nor this file's."""
    frame = sys._getframe(1)
    while frame and (frame.f_code.co_filename == __file__ or "asyncio" in frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename.startswith("<"):
        return "outside"
    name = frame.f_code.co_filename.rsplit("/", 1)[-1]
    return f"{name}:{frame.f_lineno}"


def main():
    loops = []

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            loops.append(RecordingLoop())
            return loops[-1]

    asyncio.set_event_loop_policy(Policy())
    runpy.run_path(sys.argv[1], run_name="__main__")
    json.dump({"dropped": 0, "records": loops[0].log.records}, sys.stdout)


main()
