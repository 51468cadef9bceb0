/* SPDX-License-Identifier: MIT
 *
 * frames.pml: a call from begin to record, with processes that die at any step
 * (lib/ring/frame.c, lib/produce/finish.c, lib/ring/record_write.c, lib/ring/recover.c).
 *
 * There are an owner with one call; reapers, which recover what the dead have left, and may
 * be killed while they do and be recovered in turn; a last reaper that is never killed; a
 * writer that laps the ring; and a reader of the frame and the ring. A death releases all
 * locks of the process, and nothing else.
 *
 *   each begun call ends as exactly one record, committed or aborted
 *   at any moment the call is in flight or a record, never neither
 *   a live owner's cell and frame are never taken
 *   in the end nothing is busy, owned or marked by a dead process
 *
 * Without any one of its guards (-D…) the model must fail: NO_MARK, MARK_LATE (after the
 * commit), NO_LOCK (reap without the slot's lock), NO_UNMARK (a dead reaper's marks stay,
 * and with -DNO_WIPE a dead owner's), CLEAR_FIRST (cells before frames), NO_BUSY (claim a
 * cell that another holds), FREE_FIRST (the frame before its record), NO_MARK_AGAIN
 * (believe the cell's state though the mark has changed since).
 */
#define CELLS 2
#define LANES 4
#ifndef LAPS
#define LAPS 3 /* records of the writer that overwrites */
#endif

/* One slot for each process. */
#define OWNER 0
#define REAPER_1 1
#define REAPER_2 2
#define LAST 3
#define SLOTS 4
#define FREE_LANE 9
#define OVERWRITER 8 /* its lane is never released */

mtype = { FREE, CACHED, OPEN, REAPED };
mtype = { PAD, HEAD };

typedef Cell {
	byte lap;
	byte lane;
	bool busy;
	mtype kind;
};

Cell cell[CELLS];
byte cursor = CELLS;

mtype frame = CACHED; /* the owner's */
byte mark;	      /* ticket + 1 */
byte mark_lane;

byte lane_owner[LANES];
byte block[LANES]; /* the lane's ticket */

bool live[SLOTS]; /* status of the slot */
byte lock[SLOTS]; /* holder + 1 */
bool dead[SLOTS];
bool ended[SLOTS];

bool begun;	     /* ghosts */
byte done, aborted;

#define QUIET(s) (dead[s] || ended[s])

/* yes: the record that the mark names is committed. The mark is loaded again after its cell:
 * if it has changed, another reaper may have wiped it and cleared the cell. */
inline look_at_mark(m, yes)
{
	m = mark;
	do
	:: m == 0 -> yes = false; break;
	:: else ->
		atomic {
			yes = cell[(m - 1) % CELLS].lap > (m - 1) / CELLS ||
			      (cell[(m - 1) % CELLS].lap == (m - 1) / CELLS &&
			       !cell[(m - 1) % CELLS].busy &&
			       cell[(m - 1) % CELLS].kind == HEAD);
		}
#ifdef NO_MARK_AGAIN
		break;
#else
		if
		:: mark == m -> break;
		:: else -> m = mark;
		fi
#endif
	od
}

/* Advance to the next lane of `slot`. */
#define NEXT_LANE(slot) \
	atomic { \
		do \
		:: lane < LANES && lane_owner[lane] != slot -> lane++; \
		:: else -> break; \
		od \
	}

#define CELL cell[ticket % CELLS]

#ifndef DEATHS
#define DEATHS 2
#endif
byte deaths;

/* A mortal process may die before any step, up to DEATHS times in all. */
#define MAY_DIE \
	if \
	:: mortal && deaths < DEATHS -> deaths++; goto killed; \
	:: true; \
	fi

/* Claim a cell, under `ticket`, for lane `which`. got: false after two tries. */
inline claim(which)
{
	atomic { tries = 0; got = false; }
	do
	:: got || tries == 2 -> break;
	:: else ->
		atomic {
			MAY_DIE;
			tries++;
			ticket = cursor;
			cursor++;
			if /* in lib a little later, but before the cell is claimed */
			:: which < LANES -> block[which] = ticket;
			:: else -> skip;
			fi
		}
		atomic {
			MAY_DIE;
			if
#ifdef NO_BUSY
			:: CELL.lap < ticket / CELLS ->
#else
			:: CELL.lap < ticket / CELLS && !CELL.busy ->
#endif
				CELL.lap = ticket / CELLS;
				CELL.lane = which;
				CELL.busy = true;
				CELL.kind = HEAD;
				got = true;
			:: else -> skip;
			fi
		}
	od
}

#define STILL_MINE(l) \
	(CELL.busy && CELL.lane == (l) && CELL.lap == ticket / CELLS)

inline put_mark(which)
{
	atomic { MAY_DIE; mark_lane = which; }
	atomic { MAY_DIE; mark = ticket + 1; }
}

/* A death releases all locks of the process, at once. */
inline die(who)
{
	d_step {
		dead[who] = true;
		slot_no = 0;
		do
		:: slot_no == SLOTS -> break;
		:: slot_no < SLOTS ->
			if
			:: lock[slot_no] == who + 1 -> lock[slot_no] = 0;
			:: else -> skip;
			fi;
			slot_no++;
		od;
		slot_no = 0;
	}
}

#define LEAVE(who) \
	atomic { MAY_DIE; live[who] = false; } \
	atomic { ended[who] = true; lock[who] = 0; }

proctype Owner()
{
	byte ticket, tries, slot_no;
	bool got, mortal = true;

	atomic { MAY_DIE; mark = 0; }
	atomic { MAY_DIE; frame = OPEN; begun = true; }
	claim(0);
	if
	:: got ->
#if !defined(NO_MARK) && !defined(MARK_LATE)
		put_mark(0);
#endif
		atomic {
			MAY_DIE;
			assert(STILL_MINE(0));
			assert(frame == OPEN);
			CELL.busy = false;
			done++;
			assert(done + aborted == 1);
		}
#ifdef MARK_LATE
		put_mark(0);
#endif
	:: else -> /* dropped and counted, which is as good as a record here */
		atomic { mark_lane = 0; mark = 1; done++; }
	fi;
	assert(frame == OPEN);
	atomic { MAY_DIE; frame = CACHED; }
	atomic { MAY_DIE; frame = FREE; }
	atomic { MAY_DIE; lane_owner[0] = FREE_LANE; }
	LEAVE(OWNER);
	goto end;
killed:
	die(OWNER);
end:
	skip;
}

proctype Overwriter()
{
	byte ticket, tries, n;
	bool got, mortal = false;

	do
	:: n == LAPS -> break;
	:: n < LAPS ->
		n++;
		claim(OVERWRITER);
		atomic {
			if
			:: got -> assert(STILL_MINE(OVERWRITER)); CELL.busy = false;
			:: else -> skip;
			fi
		}
	od;
killed:
	skip;
}

/* ---- reaping ---- */

inline settle(slot)
{
	if
	:: slot == OWNER && (frame == OPEN || frame == REAPED) ->
		look_at_mark(seen, yes);
		if
		:: yes -> atomic { MAY_DIE; frame = CACHED; }
		:: else ->
#ifndef NO_WIPE
			atomic { MAY_DIE; mark = 0; }
#endif
			atomic { MAY_DIE; frame = REAPED; }
		fi
	:: else -> skip;
	fi;
#ifndef NO_UNMARK
	lane = 0;
	NEXT_LANE(slot);
	do
	:: lane == LANES -> break;
	:: lane < LANES ->
		if
		:: frame == REAPED ->
			look_at_mark(seen, yes);
			if
			:: seen != 0 && !yes && mark_lane == lane ->
				atomic {
					MAY_DIE;
					if
					:: mark == seen -> mark = 0;
					:: else -> skip;
					fi
				}
			:: else -> skip;
			fi
		:: else -> skip;
		fi;
		lane++;
		NEXT_LANE(slot);
	od
#endif
}

inline clear_lanes(slot)
{
	lane = 0;
	NEXT_LANE(slot);
	do
	:: lane == LANES -> break;
	:: lane < LANES ->
		ticket = block[lane];
		if
		:: CELL.busy && CELL.lane == lane ->
			atomic {
				MAY_DIE;
				assert(dead[slot]);
				CELL.busy = false;
				CELL.kind = PAD;
			}
		:: else -> skip;
		fi;
		atomic { MAY_DIE; lane_owner[lane] = FREE_LANE; }
		lane++;
		NEXT_LANE(slot);
	od;
	atomic { lane = 0; ticket = 0; }
}

inline commit_aborted()
{
	claim(lane);
	if
	:: got ->
		put_mark(lane);
		atomic {
			MAY_DIE;
			assert(STILL_MINE(lane));
			CELL.busy = false;
			aborted++;
			assert(done + aborted == 1);
		}
	:: else -> atomic { mark_lane = lane; mark = 1; aborted++; }
	fi
}

inline take_lane()
{
	atomic {
		MAY_DIE;
		lane = 0;
		do
		:: lane_owner[lane] == FREE_LANE -> lane_owner[lane] = me; break;
		:: else -> lane++;
		od
	}
}

inline record_aborted(slot)
{
	take_lane();
	if
	:: slot == OWNER && frame == REAPED ->
#ifdef FREE_FIRST
		atomic { MAY_DIE; frame = CACHED; }
		commit_aborted();
#else
		commit_aborted();
		atomic { MAY_DIE; frame = CACHED; }
#endif
	:: else -> skip;
	fi;
	atomic { MAY_DIE; lane_owner[lane] = FREE_LANE; }
}

inline reap(slot)
{
	atomic {
		if
#ifdef NO_LOCK
		:: live[slot] && dead[slot] -> got = true;
#else
		:: live[slot] && lock[slot] == 0 -> lock[slot] = me + 1; got = true;
#endif
		:: else -> got = false;
		fi
	}
	if
	:: got ->
#ifdef CLEAR_FIRST
		clear_lanes(slot);
		settle(slot);
#else
		settle(slot);
		clear_lanes(slot);
#endif
		record_aborted(slot);
		if
		:: slot == OWNER && frame != FREE -> atomic { MAY_DIE; frame = FREE; }
		:: else -> skip;
		fi;
		atomic { MAY_DIE; live[slot] = false; }
		atomic { MAY_DIE; lock[slot] = 0; }
	:: else -> skip;
	fi;
	atomic { got = false; seen = 0; yes = false; tries = 0; lane = 0; ticket = 0; }
}

proctype Reaper(byte me)
{
	byte ticket, tries, lane, seen, slot_no;
	bool got, yes, mortal = true;

	dead[OWNER] || ended[OWNER];
	if
	:: dead[OWNER] -> reap(OWNER);
	:: else -> skip;
	fi;
	LEAVE(me);
	goto end;
killed:
	die(me);
end:
	skip;
}

#define TO_REAP(s) (live[s] && dead[s] && lock[s] == 0)

/* Never killed; goes on until there is nothing left to reap. */
proctype LastReaper(byte me)
{
	byte ticket, tries, lane, seen;
	bool got, yes, mortal = false;

	do
	:: TO_REAP(OWNER) -> reap(OWNER);
	:: TO_REAP(REAPER_1) -> reap(REAPER_1);
	:: TO_REAP(REAPER_2) -> reap(REAPER_2);
	:: QUIET(OWNER) && QUIET(REAPER_1) && QUIET(REAPER_2) && !TO_REAP(OWNER) &&
	   !TO_REAP(REAPER_1) && !TO_REAP(REAPER_2) -> break;
	od;
	assert(!begun || done + aborted == 1);
	assert(frame == FREE || (!begun && frame == CACHED));
	assert(!live[OWNER] && !live[REAPER_1] && !live[REAPER_2]);
	lane = 0;
	do
	:: lane == LANES -> break;
	:: lane < LANES -> assert(lane_owner[lane] == FREE_LANE); lane++;
	od;
	assert(!cell[0].busy || cell[0].lane == OVERWRITER);
	assert(!cell[1].busy || cell[1].lane == OVERWRITER);
killed:
	skip;
}

/* Reads the frame first, then the records: a call that is not in flight any more is a record
 * by then. */
proctype Reader()
{
	mtype first;
	byte seen;
	bool yes, was;

	was = begun;
	first = frame;
	if
	:: first == OPEN || first == REAPED ->
		look_at_mark(seen, yes);
		atomic {
			if
			:: frame == first && yes -> assert(done + aborted == 1);
			:: else -> skip;
			fi
		}
	:: was && first != OPEN && first != REAPED ->
		atomic { assert(done + aborted == 1); }
	:: else -> skip;
	fi
}

init
{
	byte i;

	atomic {
		do
		:: i == LANES -> break;
		:: i < LANES -> lane_owner[i] = FREE_LANE; i++;
		od;
		lane_owner[0] = OWNER;
		cell[0].kind = PAD;
		cell[1].kind = PAD;
		i = 0;
		do
		:: i == SLOTS -> break;
		:: i < SLOTS -> live[i] = (i != LAST); lock[i] = i + 1; i++;
		od;
		run Owner();
		run Overwriter();
#ifdef READER
		run Reader();
#endif
		run Reaper(REAPER_1);
#ifdef TWO_REAPERS
		run Reaper(REAPER_2);
#else
		ended[REAPER_2] = true;
		live[REAPER_2] = false;
#endif
		run LastReaper(LAST);
	}
}
