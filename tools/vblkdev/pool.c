// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue's threads: requests wait for one in a list, and in another one, when
 * they are done, for the queue's thread.
 */
#include "pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS	16	/* requests at a time */

struct list {
	struct request *first;
	struct request **end;
};

struct pool {
	struct backend *backend;
	pool_work work;
	int done_fd;
	unsigned int num;
	pthread_t threads[THREADS];
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list todo, done;		/* lock */
	bool stop;			/* lock */
};

static void append(struct list *list, struct request *req)
{
	req->next = NULL;
	*list->end = req;
	list->end = &req->next;
}

static struct request *take(struct list *list)
{
	struct request *req = list->first;

	if (!req)
		return NULL;
	list->first = req->next;
	if (!list->first)
		list->end = &list->first;
	return req;
}

static void *serve(void *arg)
{
	struct pool *pool = arg;
	struct request *req;

	pthread_mutex_lock(&pool->lock);
	while (!pool->stop) {
		req = take(&pool->todo);
		if (!req) {
			pthread_cond_wait(&pool->more, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		req->result = pool->work(pool->backend, req);
		pthread_mutex_lock(&pool->lock);
		append(&pool->done, req);
		eventfd_wake(pool->done_fd);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct pool *pool_new(struct backend *b, pool_work work)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		die("no memory");
	pool->backend = b;
	pool->work = work;
	pool->todo.end = &pool->todo.first;
	pool->done.end = &pool->done.first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->more, NULL);
	pool->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pool->done_fd < 0)
		die("no eventfd for threads");
	/* They inherit from the queue's thread that signals are not theirs. */
	while (pool->num < THREADS &&
	       !pthread_create(&pool->threads[pool->num], NULL, serve, pool))
		pool->num++;
	if (!pool->num)
		die("no thread");
	return pool;
}

void pool_free(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->lock);
	while (pool->num)
		pthread_join(pool->threads[--pool->num], NULL);
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->lock);
	close(pool->done_fd);
	free(pool);
}

void pool_submit(struct pool *pool, struct request *req)
{
	pthread_mutex_lock(&pool->lock);
	append(&pool->todo, req);
	pthread_cond_signal(&pool->more);
	pthread_mutex_unlock(&pool->lock);
}

struct request *pool_reap(struct pool *pool)
{
	struct request *req;

	pthread_mutex_lock(&pool->lock);
	req = take(&pool->done);
	/* Emptied with the list, so that what is done later is heard of. */
	if (!req)
		eventfd_drain(pool->done_fd);
	pthread_mutex_unlock(&pool->lock);
	return req;
}

int pool_fd(const struct pool *pool)
{
	return pool->done_fd;
}
