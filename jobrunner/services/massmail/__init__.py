"""Mass mail: target lists, campaigns, templates, mass e-mails and the queue that is made of them.

* A mass e-mail begins as a Draft. Started, it is Pending until its time, and then its queue is built: by one function
  in one transaction (`jobrunner.build_mailing`), so that a crash leaves either nothing or everything. What was left
  out, and why, stands beside it.
* Each item of the queue is one mail to one address. Unique indexes hold that nobody gets a mailing twice, neither as a
  person nor by address. Who is to get it again, all of them, gets it in another generation.
* Addresses are compared by `jobrunner.address_key()`: lower case, the domain as A-labels. What is known of one (opted
  out, invalid) belongs to the address, whoever has it; an opt-out from a list belongs to the member of the list.
* Each change of state is one statement that says from which states it leads (`states.py`).
* Links in mails work for ever: when items or a mass e-mail go, what their links need stays in `former_item` and
  `former_mass_email`; `jobrunner.find_link()` looks at both.
"""
