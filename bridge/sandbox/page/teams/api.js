// The demo's own API for the Teams half (showcase_teams.py).

import { call, sending } from "../lib/web.js";

const query = (values) => new URLSearchParams(values);

export const places = (user) => call(`api/teams/places?${query({ user })}`);
export const people = () => call("api/teams/people");
export const messages = (place) => call(`api/teams/messages?${query({ place })}`);
export const events = (place, since, signal) =>
  call(`api/teams/events?${query({ place, since })}`, { signal });
export const kinds = (place) => call(`api/teams/kinds?${query({ place })}`);
export const about = (url) => call(fileUrl(url, { about: "" }));

/** Say something: `{user, place, text}`, maybe with `reply_to` or `quote`. */
export const type = (wish) => call("api/teams/messages", sending("POST", wish));
/** Do something with a message: `{user, place, message, act, …}`. */
export const act = (wish) => call("api/teams/acts", sending("POST", wish));
/** Have someone say something of a kind: `{user, place, kind}`. */
export const play = (wish) => call("api/teams/kinds", sending("POST", wish));

export const photoUrl = (user) => `api/teams/photo?${query({ user })}`;
export const hostedUrl = (url) => `api/teams/hosted?${query({ url })}`;
export const fileUrl = (url, more = {}) => `api/teams/file?${query({ url, ...more })}`;

/** Whether an address is that of something inside a message, which the tenant gives. */
export const isHosted = (url) => /\/hostedContents\/[^/]+\/\$value$/.test(url);
