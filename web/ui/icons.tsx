import type { JSX } from "preact";

/** Line icons on a grid of 24, drawn with the colour of the text around. They never speak: the control has the name. */
export function icon(path: JSX.Element, className = "icon"): JSX.Element {
  return (
    <svg
      class={className}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {path}
    </svg>
  );
}

export const SendIcon = () => icon(<path d="M12 19V5m0 0-6 6m6-6 6 6" />);
export const DownIcon = () => icon(<path d="M12 5v14m0 0-6-6m6 6 6-6" />);
export const BackIcon = () => icon(<path d="m15 5-7 7 7 7" />, "icon flips");
export const PlusIcon = () => icon(<path d="M12 5v14M5 12h14" />);
export const CloseIcon = () => icon(<path d="m6 6 12 12M18 6 6 18" />);
export const SearchIcon = () =>
  icon(
    <>
      <circle cx="11" cy="11" r="6.5" />
      <path d="m16 16 4 4" />
    </>,
  );
export const CheckIcon = () => icon(<path d="m5 12.500 4.500 4.500L19 7.500" />);
export const ClockIcon = () =>
  icon(
    <>
      <circle cx="12" cy="12" r="8" />
      <path d="M12 8v4.500l2.500 1.500" />
    </>,
  );
export const AlertIcon = () =>
  icon(
    <>
      <circle cx="12" cy="12" r="8.500" />
      <path d="M12 8v4.500m0 3v.1" />
    </>,
  );
export const GlobeIcon = () =>
  icon(
    <>
      <circle cx="12" cy="12" r="8.500" />
      <path d="M3.500 12h17M12 3.500c2.500 2.500 3.500 5.500 3.500 8.500s-1 6-3.500 8.500c-2.500-2.500-3.500-5.500-3.500-8.500s1-6 3.500-8.500Z" />
    </>,
  );
export const PeopleIcon = () =>
  icon(
    <>
      <circle cx="9" cy="8.500" r="3.500" />
      <path d="M3 19c.5-3.500 2.800-5.500 6-5.500s5.500 2 6 5.500M15.500 5.300a3.500 3.500 0 0 1 0 6.400M17.500 14c2 .7 3.200 2.400 3.500 5" />
    </>,
  );
export const AddPersonIcon = () =>
  icon(
    <>
      <circle cx="10" cy="8.500" r="3.500" />
      <path d="M4 19c.5-3.500 2.800-5.500 6-5.500 2 0 3.700.8 4.700 2.200M18 14v6m-3-3h6" />
    </>,
  );
export const InfoIcon = () =>
  icon(
    <>
      <circle cx="12" cy="12" r="8.500" />
      <path d="M12 11v5m0-8.500v.1" />
    </>,
  );
export const MoreIcon = () => icon(<path d="M5.500 12h.1m6.400 0h.1m6.400 0h.1" />);
export const DeviceIcon = () => icon(<path d="M4 6h16v10H4zM9 20h6m-3-4v4" />);
export const ReplyIcon = () => icon(<path d="M10 6 5 11l5 5M5 11h9a5 5 0 0 1 5 5v2" />, "icon flips");
export const EditIcon = () => icon(<path d="m5 19 1-4L16.500 4.500l3 3L9 18l-4 1Z" />);
export const TrashIcon = () => icon(<path d="M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7" />);
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <rect class="logo-ground" width="32" height="32" rx="9" />
    <path
      class="logo-bubble"
      d="M9 9.500h14a2.500 2.500 0 0 1 2.500 2.500v7a2.500 2.500 0 0 1-2.500 2.500h-7.200L11 25.600v-4.100H9A2.500 2.500 0 0 1 6.500 19v-7A2.500 2.500 0 0 1 9 9.500Z"
    />
    <g class="logo-ground">
      <circle cx="11.800" cy="15.500" r="1.500" />
      <circle cx="16" cy="15.500" r="1.500" />
      <circle cx="20.200" cy="15.500" r="1.500" />
    </g>
  </svg>
);
