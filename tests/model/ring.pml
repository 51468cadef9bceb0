/* SPDX-License-Identifier: MIT
 *
 * ring.pml: the protocol of a ring's cells (lib/ring/ring.c, lib/ring/record_read.c), as
 * steps that may interleave in any order. Memory is sequentially consistent here: the
 * comment at each barrier says why it is enough, and ThreadSanitizer tries them.
 *
 * Writers take tickets, claim the ticket's cell by one compare-and-swap, write two words
 * and commit. Each may be killed at any step; a reaper then clears the cells that it left
 * busy. A reader copies the words between two loads of the state.
 *
 *   mutual exclusion, no live owner loses a cell   assert at every step of an owner
 *   no torn read                                   assert by the reader
 *   no committed record lost within capacity       a cell goes to later laps only
 *   a dead owner is always replaced                at the end no cell is busy
 *
 * Without any one of its guards (-D…) the model must fail: NO_BUSY (claim a cell that
 * another holds), NO_LAP (claim for an earlier lap), NO_SECOND_LOOK, COMMIT_EARLY (before
 * the last word), REAP_LIVE (no proof of death), NO_REAP.
 */
#ifndef WRITERS
#define WRITERS 3
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef LOOKS
#define LOOKS 1
#endif
#define CELLS 2
#define NOBODY 9

typedef Cell {
	byte lap;
	byte owner;
	bool busy;
	byte word[2];
};

Cell cell[CELLS];
byte cursor = CELLS; /* in a new ring all cells are of lap 0 */
bool dead[WRITERS];
byte finished; /* writers that have ended or died */
byte kept[CELLS]; /* ghost: lap of the last record committed there */

/* True if the cell is still this writer's. */
#define MINE(i, l) (cell[i].busy && cell[i].owner == me && cell[i].lap == (l))

#ifndef DEATHS
#define DEATHS 2
#endif
byte deaths;

/* The process may die before any step, up to DEATHS times in all. */
#define MAY_DIE \
	if \
	:: deaths < DEATHS -> deaths++; goto killed; \
	:: true; \
	fi

inline claim(i, lap, got)
{
	atomic {
		MAY_DIE;
		if
#ifdef NO_BUSY
		:: cell[i].lap < (lap) ->
#elif defined(NO_LAP)
		:: !cell[i].busy ->
#else
		:: cell[i].lap < (lap) && !cell[i].busy ->
#endif
			assert(!cell[i].busy || dead[cell[i].owner]);
			assert(kept[i] < (lap));
			cell[i].lap = lap;
			cell[i].owner = me;
			cell[i].busy = true;
			got = true;
		:: else -> got = false;
		fi
	}
}

proctype Writer(byte me)
{
	byte ticket, i, lap, n;
	bool got;

	do
	:: n == RECORDS -> break;
	:: n < RECORDS ->
		atomic {
			MAY_DIE;
			n++;
			ticket = cursor;
			cursor++;
			i = ticket % CELLS;
			lap = ticket / CELLS;
		}
		claim(i, lap, got);
		if
		:: got ->
			atomic { MAY_DIE; assert(MINE(i, lap)); cell[i].word[0] = ticket; }
#ifdef COMMIT_EARLY
			atomic { cell[i].busy = false; kept[i] = lap; }
			cell[i].word[1] = ticket;
#else
			atomic { MAY_DIE; assert(MINE(i, lap)); cell[i].word[1] = ticket; }
			atomic {
				MAY_DIE;
				assert(MINE(i, lap));
				cell[i].busy = false;
				kept[i] = lap;
			}
#endif
		:: else -> skip; /* the cell is skipped */
		fi
	od;
	goto end;
killed:
	dead[me] = true;
end:
	finished++;
}

inline reclaim(who)
{
	i = 0;
	do
	:: i == CELLS -> break;
	:: i < CELLS ->
		if
		:: cell[i].busy && cell[i].owner == who ->
			assert(dead[who]);
			atomic { cell[i].busy = false; cell[i].owner = NOBODY; }
		:: else -> skip;
		fi;
		i++;
	od
}

/* Looks at each writer once, and again when all have ended. */
proctype Reaper()
{
	byte who, i;

#ifndef NO_REAP
	do
	:: who == WRITERS -> break;
	:: who < WRITERS ->
#ifdef REAP_LIVE
		reclaim(who);
#else
		if
		:: dead[who] -> reclaim(who);
		:: else -> skip; /* alive */
		fi;
#endif
		who++;
	od;
#endif
	atomic { finished == WRITERS; who = 0; }
#ifndef NO_REAP
	do
	:: who == WRITERS -> break;
	:: who < WRITERS ->
		if
		:: dead[who] -> reclaim(who);
		:: else -> skip;
		fi;
		who++;
	od;
#endif
	i = 0;
	do
	:: i == CELLS -> break;
	:: i < CELLS -> assert(!cell[i].busy); i++;
	od
}

proctype Reader()
{
	byte i, lap, owner, a, b, n;

	do
	:: n == LOOKS -> break;
	:: n < LOOKS ->
		n++;
		select (i : 0 .. CELLS - 1);
		atomic {
			if
			:: !cell[i].busy && cell[i].owner != NOBODY ->
				lap = cell[i].lap;
				owner = cell[i].owner;
			:: else -> lap = 0;
			fi
		}
		if
		:: lap > 0 ->
			a = cell[i].word[0];
			b = cell[i].word[1];
			atomic {
				if
#ifndef NO_SECOND_LOOK
				:: cell[i].busy || cell[i].lap != lap ||
				   cell[i].owner != owner -> skip;
#endif
				:: else ->
					assert(a == b);
					assert(a == lap * CELLS + i);
				fi
			}
		:: else -> skip;
		fi
	od
}

init
{
	byte w;

	atomic {
		cell[0].owner = NOBODY;
		cell[1].owner = NOBODY;
		run Reaper();
		run Reader();
		do
		:: w == WRITERS -> break;
		:: w < WRITERS -> run Writer(w); w++;
		od
	}
}
